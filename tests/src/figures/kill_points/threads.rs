//! SIGKILL at every system call of each thread of a transfer.

use std::os::unix::process::ExitStatusExt;

use super::check;
use crate::figure::{Measured, Sabotage, Trial};
use crate::steps::Step;
use crate::strace::{Point, Site};
use crate::transfer_threads::{Role, points_of, run_with};

const WORKLOAD: [Step; 1] = [Step::Fetch];

/// The number of the signal that kills.
const KILL: i32 = 9;

pub(super) fn measure(trial: Trial) -> Measured {
    let mut measured = Measured::of(trial);
    let mut places: Vec<(Role, Point)> = Vec::new();
    for role in Role::ALL {
        match points_of(&Site::of(&WORKLOAD), &WORKLOAD, role) {
            Ok(points) => places.extend(points.into_iter().map(|point| (role, point))),
            Err(error) => measured.violation(format!("{role:?}: {error}")),
        }
    }
    let killed = measured.for_each(&places, |(role, point), measured| {
        match kill(*role, point, trial.sabotage, measured) {
            Ok(is_killed) => usize::from(is_killed),
            Err(error) => {
                measured.violation(format!("{role:?} killed at {point:?}: {error}"));
                0
            }
        }
    });
    // A thread waits more or less often in each run, so the last waits of one run are not those of another.
    let bound = match trial.sabotage {
        Sabotage::Nothing => (places.len() / 2).max(1),
        _ => 0,
    };
    measured.at_least(bound, "kills in threads of a transfer", killed);
    measured
}

/// Kills a process at a call of one of its threads. Returns whether the thread made the call.
fn kill(
    role: Role,
    point: &Point,
    sabotage: Sabotage,
    measured: &mut Measured,
) -> Result<bool, String> {
    let site = Site::with(&WORKLOAD, sabotage);
    let Point { call, number } = point;
    let inject = format!("inject={call}:signal=KILL:when={number}");
    let options = ["-o", "/dev/null", "-e", &inject].map(str::to_owned);
    let status = run_with(&site, &WORKLOAD, role, &options)?;
    let place = || format!("{WORKLOAD:?} killed at {call} {number} of the thread {role:?}");
    let is_killed = status.signal() == Some(KILL);
    measured.check(is_killed || status.success(), || {
        format!("{}: {status}", place())
    });
    check(&site, &WORKLOAD, place, measured);
    Ok(is_killed)
}
