//! SIGKILL at every system call of each workload, then the root is opened again. Of the workload that fetches,
//! also at every system call of each thread of the transfer.

mod threads;

use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::state::{observe, write_and_look_for_leftovers};
use crate::steps::{Step, answers, fetch_again, make_all, split, states, workloads};
use crate::strace::{Point, Site, missing, points};

pub(super) fn measure(trial: Trial) -> Outcome {
    if let Some(reason) = missing() {
        return Outcome::Skipped(reason);
    }
    let (longest, bound) = match trial.extent {
        Extent::Quick => (1, 400),
        Extent::Full => (2, 2_000),
    };
    let mut measured = Measured::of(trial);
    let all = workloads(longest);
    let kills = measured.for_each(&all, |workload, measured| {
        let (done, killed) = split(workload);
        let site = Site::with(workload, trial.sabotage);
        if let Err(error) = make_all(&site.root(), done) {
            measured.violation(format!("{done:?}: {error}"));
            return 0;
        }
        let points = points(&site.trace(killed));
        for point in &points {
            kill(workload, point, trial.sabotage, measured);
            if measured.is_hopeless() {
                break;
            }
        }
        points.len()
    });
    measured.count("workloads", all.len());
    measured.at_least(bound, "kills", kills);
    measured.include(threads::measure(trial));
    Outcome::Measured(measured)
}

fn kill(workload: &[Step], point: &Point, sabotage: Sabotage, measured: &mut Measured) {
    let (done, killed) = split(workload);
    let site = Site::with(workload, sabotage);
    if let Err(error) = make_all(&site.root(), done) {
        measured.violation(format!("{done:?}: {error}"));
    }
    let Point { call, number } = point;
    let inject = format!("inject={call}:signal=KILL:when={number}");
    site.run(
        killed,
        &["-o", "/dev/null", "-e", &inject].map(str::to_owned),
    );
    let place = || format!("{workload:?} killed at {call} {number}");
    check(&site, workload, place, measured);
}

/// Checks what a killed workload left, and that the next processes can go on with it.
fn check(site: &Site, workload: &[Step], place: impl Fn() -> String, measured: &mut Measured) {
    let (done, killed) = split(workload);
    let answers = answers(&site.answers());
    let acknowledged = answers.iter().filter(|answer| answer.is_some()).count();
    let expected = &states(workload)[done.len()..];
    let legal = &expected[acknowledged..expected.len().min(acknowledged + 2)];
    match observe(&site.root()) {
        Err(error) => measured.violation(format!("{}: {error}", place())),
        Ok(state) => measured.check(legal.contains(&state), || {
            format!("{}: {acknowledged} calls returned, found {state}", place())
        }),
    }
    if killed == [Step::Fetch]
        && let Err(error) = fetch_again(&site.root())
    {
        measured.violation(format!("{}: {error}", place()));
    }
    if let Err(error) = write_and_look_for_leftovers(&site.root()) {
        measured.violation(format!("{}: {error}", place()));
    }
}
