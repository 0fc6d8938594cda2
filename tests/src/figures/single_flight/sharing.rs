//! Many processes ask for the newest revision at once, of a source that answers or fails. The source
//! answers only once all other callers wait.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use catalog_core::fetching::{KnownSource, SourceState};
use catalog_core::{
    CatalogError, FetchProblem, FetchTask, Fetched, FsCatalog, ModelFetcher, ModelRef, Progress,
    ResolvedModel, Result as FetchResult, Staging,
};
use model_provisioner::{Event, EventKind, Freshness, ModelProvisioner, ProvisionRequest};

use super::{MODEL, PROCESSES, THREADS, content};
use crate::strace::program;
use crate::toy::ToyFetcher;

/// The word for a process whose source fails.
const FAILING: &str = "failing";

/// The word for a process whose callers have credentials of their own.
const FORGETFUL: &str = "forgetful";

/// The message of a source that fails.
const FAILURE: &str = "the source is down";

/// Returns the number of callers that shared the one call of the source. If it `is_forgetful`, each
/// caller has credentials of its own, and so no call before it counts.
pub(super) fn share(is_failing: bool, is_forgetful: bool) -> Result<usize, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let folder = tempfile::tempdir().map_err(|error| text(&error))?;
    let root = folder.path().join("root");
    let catalog = FsCatalog::new(&root).map_err(|error| text(&error))?;
    ModelProvisioner::new(catalog, ToyFetcher::of(&content()))
        .ensure_present_str(MODEL, None)
        .map_err(|error| text(&error))?;
    for name in ["waiting", "calls", "answers"] {
        fs::create_dir(folder.path().join(name)).map_err(|error| text(&error))?;
    }
    let start = |number: usize| {
        Command::new(program())
            .arg("--share")
            .args([folder.path(), Path::new(&number.to_string())])
            .args(is_failing.then_some(FAILING))
            .args(is_forgetful.then_some(FORGETFUL))
            .spawn()
            .map_err(|error| text(&error))
    };
    let mut processes: Vec<Child> = (0..PROCESSES).map(start).collect::<Result<_, _>>()?;
    for process in &mut processes {
        let status = process.wait().map_err(|error| text(&error))?;
        if !status.success() {
            return Err(format!("a process ended with {status}"));
        }
    }
    let calls = count(&folder.path().join("calls"));
    if calls != 1 {
        return Err(format!("the source was called {calls} times"));
    }
    let mut answers = 0;
    for number in 0..PROCESSES {
        let path = folder.path().join("answers").join(number.to_string());
        let given = fs::read_to_string(path).map_err(|error| text(&error))?;
        let is_right = |line: &&str| match is_failing {
            true => line.contains(FAILURE),
            false => Path::new(line).starts_with(&root),
        };
        answers += given.lines().filter(is_right).count();
    }
    match answers == PROCESSES * THREADS {
        true => Ok(answers - 1),
        false => Err(format!("{answers} callers got the answer")),
    }
}

pub(super) fn count(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, |entries| entries.count())
}

/// Adds an empty file of a new name to a folder.
pub(super) fn mark(folder: &Path) -> Result<(), String> {
    let name = format!("{}-{:?}", std::process::id(), std::thread::current().id());
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(name));
    file.map(drop).map_err(|error| error.to_string())
}

/// A source that is called once all other callers wait.
struct Source<'f> {
    folder: &'f Path,
    is_failing: bool,
    credentials: Option<String>,
}

impl ModelFetcher for Source<'_> {
    fn ensure_present(&self, mr: &ModelRef) -> FetchResult<ResolvedModel> {
        ToyFetcher::of(&content()).ensure_present(mr)
    }
    fn schemes(&self) -> Vec<&str> {
        vec!["hf"]
    }
    fn stage(
        &self,
        task: &FetchTask<'_>,
        staging: &mut Staging,
        progress: &mut dyn FnMut(Progress) -> FetchResult<()>,
    ) -> FetchResult<Fetched> {
        ToyFetcher::of(&content()).stage(task, staging, progress)
    }
    fn source_state(
        &self,
        task: &FetchTask<'_>,
        _: &KnownSource<'_>,
        _: &mut dyn FnMut(Progress) -> FetchResult<()>,
    ) -> FetchResult<SourceState> {
        let failed =
            |detail: String| CatalogError::fetch(task.model_ref, FetchProblem::Failed, detail);
        mark(&self.folder.join("calls")).map_err(failed)?;
        let begin = Instant::now();
        while count(&self.folder.join("waiting")) < PROCESSES * THREADS - 1 {
            if begin.elapsed() > Duration::from_secs(60) {
                return Err(failed("the others do not wait".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        match self.is_failing {
            true => Err(failed(FAILURE.to_owned())),
            false => Ok(SourceState::Unchanged),
        }
    }
    fn credentials_id(&self, _: &ModelRef) -> Option<String> {
        self.credentials.clone()
    }
}

/// A process whose threads ask: `FOLDER NUMBER [failing] [forgetful]`.
pub fn run_sharing_caller(arguments: &[String]) -> Result<(), String> {
    let [folder, number, rest @ ..] = arguments else {
        return Err("FOLDER NUMBER [failing] [forgetful]".to_owned());
    };
    let folder = Path::new(folder);
    let is_failing = rest.iter().any(|word| word == FAILING);
    let is_forgetful = rest.iter().any(|word| word == FORGETFUL);
    let ask = || {
        let catalog = FsCatalog::new(folder.join("root")).map_err(|error| error.to_string())?;
        let waiting = folder.join("waiting");
        let has_waited = AtomicBool::new(false);
        let observer = move |event: &Event| {
            let is_waiting = matches!(event.kind, EventKind::Waiting { .. });
            if is_waiting && !has_waited.swap(true, Ordering::SeqCst) {
                mark(&waiting).expect("a file can be made");
            }
        };
        let source = Source {
            folder,
            is_failing,
            credentials: is_forgetful
                .then(|| format!("{} {:?}", std::process::id(), std::thread::current().id())),
        };
        let provisioner = ModelProvisioner::new(catalog, source).with_observer(observer);
        let model_ref = ModelRef::parse(MODEL).map_err(|error| error.to_string())?;
        let request = ProvisionRequest::new(model_ref).freshness(Freshness::Revalidate);
        Ok::<_, String>(match provisioner.provision(&request) {
            Ok(report) => report.resolved.local_path.display().to_string(),
            Err(error) => error.to_string(),
        })
    };
    let answers: Vec<Result<String, String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(ask)).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .map(|answer| answer.unwrap_or_else(|_| Err("a panic".to_owned())))
            .collect()
    });
    let answers: Vec<String> = answers.into_iter().collect::<Result<_, _>>()?;
    let path = folder.join("answers").join(number);
    fs::write(path, answers.join("\n")).map_err(|error| error.to_string())
}
