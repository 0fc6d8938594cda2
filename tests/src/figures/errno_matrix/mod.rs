//! Every system call of each workload fails, once and from then on, with every error that disks
//! and networks give. Of the workload that fetches, also every system call of each thread of the transfer.

mod threads;

use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::state::{State, observe, write_and_look_for_leftovers};
use crate::steps::{Step, Workload, answers, fetch_again, make_all, split};
use crate::strace::{Point, Site, missing, points};

const ERRORS: [&str; 10] = [
    "EIO", "ENOSPC", "EDQUOT", "EROFS", "EACCES", "ESTALE", "EINTR", "EMFILE", "ENOLCK", "EXDEV",
];

/// More answers of a file system that cannot exchange names.
const NO_EXCHANGE: [&str; 2] = ["EINVAL", "ENOSYS"];

/// Calls that are the process's own, not the store's: memory, signals, its end.
const NOT_THE_STORES: [&str; 13] = [
    "brk",
    "mmap",
    "munmap",
    "mprotect",
    "mremap",
    "madvise",
    "futex",
    "sigaltstack",
    "rt_sigaction",
    "rt_sigprocmask",
    "exit",
    "exit_group",
    "getrandom",
];

pub(super) fn measure(trial: Trial) -> Outcome {
    if let Some(reason) = missing() {
        return Outcome::Skipped(reason);
    }
    let workloads: Vec<Workload> = match trial.extent {
        Extent::Quick => vec![vec![Step::PutA, Step::PutEngine], vec![Step::ImportM]],
        Extent::Full => vec![
            vec![Step::PutA, Step::PutB],
            vec![Step::UpdateBoth, Step::DeleteA],
            vec![Step::PutEngine, Step::DeleteEngine],
            vec![Step::PutA, Step::RetireA, Step::PutEngine],
            vec![Step::ImportM],
            vec![Step::ImportM, Step::ImportN],
            vec![Step::ImportM, Step::DeleteM],
            vec![Step::ImportM, Step::ForgetM, Step::Collect],
            vec![Step::ImportM, Step::SpoilM],
            vec![Step::Fetch],
        ],
    };
    let errors = errors(trial.extent);
    let mut measured = Measured::of(trial);
    let mut places: Vec<(&Workload, Point)> = Vec::new();
    for workload in &workloads {
        let (done, disturbed) = split(workload);
        let site = Site::with(workload, trial.sabotage);
        if let Err(error) = make_all(&site.root(), done) {
            measured.violation(format!("{done:?}: {error}"));
        }
        let points = points(&site.trace(disturbed));
        let of_the_store = points.into_iter().filter(is_of_the_store);
        places.extend(of_the_store.map(|point| (workload, point)));
    }
    let faults = measured.for_each(&places, |(workload, point), measured| {
        let mut faults = 0;
        for (error, when) in faults_at(point, errors) {
            fail(workload, point, (error, &when), trial.sabotage, measured);
            faults += 1;
            if measured.is_hopeless() {
                break;
            }
        }
        faults
    });
    measured.count("workloads", workloads.len());
    measured.count("faults", faults);
    measured.include(threads::measure(trial));
    Outcome::Measured(measured)
}

fn errors(extent: Extent) -> &'static [&'static str] {
    match extent {
        Extent::Quick => &ERRORS[..3],
        Extent::Full => &ERRORS,
    }
}

/// Returns whether a call is one of the store, and not one of the process.
fn is_of_the_store(point: &Point) -> bool {
    !NOT_THE_STORES.contains(&point.call.as_str())
}

/// Returns each error of a call with the calls that fail: this one, and those from it on.
fn faults_at<'e>(point: &Point, errors: &'e [&'e str]) -> Vec<(&'e str, String)> {
    let more = match point.call.as_str() {
        "renameat2" => &NO_EXCHANGE[..],
        _ => &[],
    };
    let all = errors.iter().chain(more);
    all.flat_map(|error| {
        let once = point.number.to_string();
        [once, from_then_on(error, point.number)].map(|when| (*error, when))
    })
    .collect()
}

/// An interrupted call is repeated until it is not, here as in the standard library, so for `EINTR`
/// from then on means a long burst.
fn from_then_on(error: &str, number: usize) -> String {
    match error {
        "EINTR" => format!("{number}..{}", number + 50),
        _ => format!("{number}+"),
    }
}

fn fail(
    workload: &[Step],
    point: &Point,
    (error, when): (&str, &str),
    sabotage: Sabotage,
    measured: &mut Measured,
) {
    let (done, disturbed) = split(workload);
    let site = Site::with(workload, sabotage);
    if let Err(error) = make_all(&site.root(), done) {
        measured.violation(format!("{done:?}: {error}"));
    }
    let inject = format!("inject={}:error={error}:when={when}", point.call);
    let status = site.run(
        disturbed,
        &["-o", "/dev/null", "-e", &inject].map(str::to_owned),
    );
    let place = || format!("{workload:?} with {error} at {} {when}", point.call);
    measured.check(status.success(), || format!("{}: {status}", place()));
    check(&site, workload, place, measured);
}

/// Checks the state that a disturbed workload left, and that the next processes can go on with it.
fn check(site: &Site, workload: &[Step], place: impl Fn() -> String, measured: &mut Measured) {
    let (done, disturbed) = split(workload);
    let answers = answers(&site.answers());
    // A call that answered an error may have happened or not; one that answered `ok` has.
    let mut before = State::default();
    done.iter().for_each(|step| step.expect(&mut before));
    let mut legal = vec![before];
    for (number, step) in disturbed.iter().enumerate() {
        let mut after = legal.clone();
        after.iter_mut().for_each(|state| step.expect(state));
        match answers.get(number).and_then(Option::as_deref) {
            Some("ok") => legal = after,
            _ => legal.extend(after),
        }
    }
    match observe(&site.root()) {
        Err(reason) => measured.violation(format!("{}: {reason}", place())),
        Ok(state) => measured.check(legal.contains(&state), || {
            format!("{}: answers {answers:?}, found {state}", place())
        }),
    }
    if disturbed == [Step::Fetch]
        && let Err(reason) = fetch_again(&site.root())
    {
        measured.violation(format!("{}: {reason}", place()));
    }
    if let Err(reason) = write_and_look_for_leftovers(&site.root()) {
        measured.violation(format!("{}: {reason}", place()));
    }
}
