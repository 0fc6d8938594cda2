//! Threads of one process, each with a model of its own, over one root.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Barrier;

use catalog_core::maintenance::CollectionPolicy;
use catalog_core::{CatalogStore, FsCatalog};
use model_provisioner::ModelProvisioner;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{lines_of, start};
use crate::figure::{Extent, Measured, Sabotage, Trial};
use crate::timing::now_ns;
use crate::toy::ToyFetcher;

/// A crowd.
#[derive(Debug, Clone, Copy)]
struct Crowd {
    /// The number of threads, which is the number of models.
    threads: usize,
    /// A number of files that a process may have open at once which is enough for all threads.
    many_handles: u64,
    /// A number that is too small. In full it is the usual limit of a login.
    few_handles: u64,
}

/// The order in which the models of a process are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// One after the other, by one thread.
    InSequence,
    /// All at once, by a thread each, through one handle of the catalog.
    Together,
    /// All at once, by a thread each with a handle of its own.
    WithOwnHandles,
}

impl Order {
    const ALL: [Self; 3] = [Self::InSequence, Self::Together, Self::WithOwnHandles];

    fn word(self) -> &'static str {
        match self {
            Self::InSequence => "sequence",
            Self::Together => "together",
            Self::WithOwnHandles => "own-handles",
        }
    }
}

/// The answers that the threads of one process got.
struct Answers {
    /// The time from the common begin to the answer, of each model, in nanoseconds.
    times: Vec<u64>,
    /// How often each error came.
    errors: BTreeMap<String, usize>,
    /// The number of staging areas that are left behind.
    left: usize,
}

pub(super) fn measure(trial: Trial, measured: &mut Measured) -> Result<(), String> {
    let crowd = match trial.extent {
        Extent::Quick => Crowd {
            threads: 200,
            many_handles: 1_638,
            few_handles: 204,
        },
        Extent::Full => Crowd {
            threads: 1_000,
            many_handles: 8_192,
            few_handles: 1_024,
        },
    };
    let handles = match trial.sabotage {
        Sabotage::FewHandles => crowd.few_handles,
        _ => crowd.many_handles,
    };
    let threads = crowd.threads;
    let alone = ask(Order::InSequence, threads, handles)?;
    let in_sequence = alone.total();
    measured.count("threads", threads);
    for order in [Order::Together, Order::WithOwnHandles] {
        let answers = ask(order, threads, handles)?;
        for (error, count) in &answers.errors {
            measured.violation(format!("{count} of {threads} threads, {order:?}: {error}"));
        }
        measured.check(answers.left == 0, || {
            format!("{order:?}: {} staging areas are left behind", answers.left)
        });
        let fairness = answers.slowest() / answers.fastest();
        let ratio = answers.total() / in_sequence;
        measured.count(
            &format!("slowest/fastest thread {}", order.word()),
            format!("{fairness:.2}"),
        );
        measured.check(fairness <= 5.0, || {
            format!("{order:?}: the slowest thread took {fairness:.2} times as long as the fastest")
        });
        measured.count("times the time in sequence", format!("{ratio:.2}"));
        measured.check(ratio <= 3.0, || {
            format!("{order:?}: {ratio:.2} times the time in sequence")
        });
    }
    measured.count(
        "ms for each model in sequence",
        format!("{:.2}", in_sequence * 1e-6 / threads as f64),
    );
    with_few_handles(crowd, measured)
}

/// A call that fails for want of handles has a typed error and can be tried again. A collection removes all
/// that the call left.
fn with_few_handles(crowd: Crowd, measured: &mut Measured) -> Result<(), String> {
    let root = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (threads, few) = (crowd.threads, crowd.few_handles);
    let answers = ask_in(root.path(), Order::Together, threads, few)?;
    let refused: usize = answers.errors.values().sum();
    measured.count("threads refused for want of handles", refused);
    for (error, count) in &answers.errors {
        measured.check(error.starts_with("out_of_handles true"), || {
            format!("{count} of {threads} threads with {few} handles: {error}")
        });
    }
    let catalog = FsCatalog::new(root.path().join("root")).map_err(|error| error.to_string())?;
    let plan = catalog.plan_collection(&CollectionPolicy::default());
    let collected = plan.and_then(|plan| catalog.collect(&plan));
    collected.map_err(|error| error.to_string())?;
    let left = staged(root.path());
    measured.check(left == 0, || {
        format!("{left} staging areas are left behind after a collection")
    });
    let registered = catalog.list().map_err(|error| error.to_string())?.len();
    measured.check(registered == threads - refused, || {
        format!("{registered} models are registered, {refused} of {threads} calls were refused")
    });
    let again = ask_in(root.path(), Order::InSequence, threads, crowd.many_handles)?;
    for (error, count) in &again.errors {
        measured.violation(format!("{count} second tries failed: {error}"));
    }
    Ok(())
}

/// Has a process ask for all models in a new root.
fn ask(order: Order, threads: usize, handles: u64) -> Result<Answers, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    ask_in(folder.path(), order, threads, handles)
}

/// Returns the number of staging areas.
fn staged(folder: &Path) -> usize {
    fs::read_dir(folder.join("root/staging")).map_or(0, Iterator::count)
}

fn ask_in(folder: &Path, order: Order, threads: usize, handles: u64) -> Result<Answers, String> {
    let root = folder.join("root").display().to_string();
    let (count, handles) = (threads.to_string(), handles.to_string());
    let words = [root.as_str(), order.word(), &count, &handles];
    let child = start("--herd", &words).map_err(|error| error.to_string())?;
    let mut answers = Answers {
        times: Vec::new(),
        errors: BTreeMap::new(),
        left: 0,
    };
    for line in lines_of(child)? {
        match line.split_once(' ') {
            Some(("done", time)) => answers.times.push(time.parse().unwrap_or(u64::MAX)),
            Some(("failed", error)) => *answers.errors.entry(error.to_owned()).or_default() += 1,
            _ => return Err(format!("a process printed {line:?}")),
        }
    }
    answers.left = staged(folder);
    let told = answers.times.len() + answers.errors.values().sum::<usize>();
    match told == threads {
        true => Ok(answers),
        false => Err(format!("a process told of {told} models")),
    }
}

impl Answers {
    fn slowest(&self) -> f64 {
        self.times.iter().copied().max().unwrap_or(u64::MAX) as f64
    }

    fn fastest(&self) -> f64 {
        self.times.iter().copied().min().unwrap_or(1) as f64
    }

    /// The time until the last model was there.
    fn total(&self) -> f64 {
        self.slowest()
    }
}

/// The process whose threads ask: `ROOT ORDER THREADS HANDLES`. Prints the time of each answer, or its error with
/// the code, whether a second try may help, and the text.
pub fn run_threads(arguments: &[String]) -> Result<(), String> {
    let [root, order, threads, handles] = arguments else {
        return Err("ROOT ORDER THREADS HANDLES".to_owned());
    };
    let count: usize = threads.parse().map_err(|_| "THREADS is a number")?;
    let handles = handles.parse().map_err(|_| "HANDLES is a number")?;
    let order = Order::ALL.into_iter().find(|known| known.word() == order);
    let order = order.ok_or("ORDER is none")?;
    let limit = Rlimit {
        current: Some(handles),
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    setrlimit(Resource::Nofile, limit).map_err(|error| error.to_string())?;
    let open = || FsCatalog::new(root).map_err(|error| error.to_string());
    let catalog = open()?;
    let begin_together = Barrier::new(count);
    let answer = |catalog: &FsCatalog, number: usize, begin: u64| {
        let content = format!("the bytes of model {number}").repeat(100);
        let provisioner =
            ModelProvisioner::new(catalog.clone(), ToyFetcher::of(content.as_bytes()));
        match provisioner.ensure_present_str(&format!("hf:herd/model-{number}"), None) {
            Ok(_) => format!("done {}", now_ns() - begin),
            Err(error) => format!("failed {} {} {error}", error.code(), error.is_retryable()),
        }
    };
    let answers: Vec<String> = match order {
        Order::InSequence => {
            let begin = now_ns();
            (0..count)
                .map(|number| answer(&catalog, number, begin))
                .collect()
        }
        Order::Together | Order::WithOwnHandles => std::thread::scope(|scope| {
            let ask = |number: usize| {
                let own = match order {
                    Order::WithOwnHandles => open().expect("a catalog can be opened"),
                    _ => catalog.clone(),
                };
                begin_together.wait();
                answer(&own, number, now_ns())
            };
            let threads: Vec<_> = (0..count)
                .map(|number| scope.spawn(move || ask(number)))
                .collect();
            let answers = threads.into_iter().map(|thread| thread.join());
            answers
                .map(|answer| answer.expect("a panic here ends the figure"))
                .collect()
        }),
    };
    let told = writeln!(io::stdout(), "{}", answers.join("\n"));
    told.map_err(|error| error.to_string())
}
