//! Every system call of each thread of a transfer fails. A fault of a call to the network is a failure of the
//! network: the fetch fails or asks again, and the next one succeeds.

use super::{check, errors, faults_at, is_of_the_store};
use crate::figure::{Extent, Measured, Sabotage, Trial};
use crate::steps::Step;
use crate::strace::{Point, Site};
use crate::transfer_threads::{Role, points_of, run_with};

const WORKLOAD: [Step; 1] = [Step::Fetch];

/// The errors that only networks give.
const OF_NETWORKS: [&str; 4] = ["ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ECONNREFUSED"];

/// The calls to the network.
const TO_THE_NETWORK: [&str; 4] = ["socket", "connect", "sendto", "recvfrom"];

pub(super) fn measure(trial: Trial) -> Measured {
    let mut measured = Measured::of(trial);
    let mut places: Vec<(Role, Point)> = Vec::new();
    for role in Role::ALL {
        match points_of(&Site::of(&WORKLOAD), &WORKLOAD, role) {
            Ok(points) => {
                let of_the_store = points.into_iter().filter(is_of_the_store);
                places.extend(of_the_store.map(|point| (role, point)));
            }
            Err(error) => measured.violation(format!("{role:?}: {error}")),
        }
    }
    let faults = measured.for_each(&places, |(role, point), measured| {
        let mut errors = errors(trial.extent).to_vec();
        if TO_THE_NETWORK.contains(&point.call.as_str()) {
            errors.extend(OF_NETWORKS);
        }
        let mut faults = 0;
        // The quick form spreads the errors over the calls.
        let distance = match trial.extent {
            Extent::Quick => 5,
            Extent::Full => 1,
        };
        let all = faults_at(point, &errors).into_iter();
        for (error, when) in all.skip(point.number % distance).step_by(distance) {
            fail(*role, point, (error, &when), trial, measured);
            faults += 1;
            if measured.is_hopeless() {
                break;
            }
        }
        faults
    });
    let bound = usize::from(trial.sabotage == Sabotage::Nothing);
    measured.at_least(bound, "faults in threads of a transfer", faults);
    measured
}

fn fail(
    role: Role,
    point: &Point,
    (error, when): (&str, &str),
    trial: Trial,
    measured: &mut Measured,
) {
    let site = Site::with(&WORKLOAD, trial.sabotage);
    let inject = format!("inject={}:error={error}:when={when}", point.call);
    let options = ["-o", "/dev/null", "-e", &inject].map(str::to_owned);
    let place = || {
        format!(
            "{WORKLOAD:?} with {error} at {} {when} of the thread {role:?}",
            point.call
        )
    };
    match run_with(&site, &WORKLOAD, role, &options) {
        Err(reason) => return measured.violation(format!("{}: {reason}", place())),
        Ok(status) => measured.check(status.success(), || format!("{}: {status}", place())),
    }
    check(&site, &WORKLOAD, place, measured);
}
