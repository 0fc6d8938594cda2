//! Many callers ask for one model at once, and one of them asks the source, whatever happens to it.

use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};

mod crash;
mod download;
mod race;
mod sharing;

pub use crash::run_dying_caller;
pub use download::run_one_of_crowd;
pub use race::run_caller;
pub use sharing::run_sharing_caller;

const PROCESSES: usize = 16;
const THREADS: usize = 4;
const MODEL: &str = "hf:org/model";
const BYTES: usize = 1 << 20;

pub(super) fn measure(trial: Trial) -> Outcome {
    let rounds = match trial.extent {
        Extent::Quick => 4,
        Extent::Full => 24,
    };
    let mut measured = Measured::default();
    let is_forgetful = trial.sabotage == Sabotage::ForgetCalls;
    let (mut callers, mut takeovers) = (0, 0);
    for round in 0..if is_forgetful { 0 } else { rounds } {
        if trial.sabotage != Sabotage::Nothing && !measured.violations().is_empty() {
            break;
        }
        // The fetching process, a waiting one, and none, in turn.
        // A process below `strace` cannot be killed without it.
        let victim = match trial.sabotage {
            Sabotage::NoLocks => 2,
            _ => round % 3,
        };
        match race::race(victim, trial.sabotage) {
            Ok(answered) => {
                callers += answered;
                takeovers += usize::from(victim == 0);
            }
            Err(error) => measured.violation(format!("round {round}: {error}")),
        }
    }
    measured.count("rounds", rounds);
    measured.count("callers answered", callers);
    measured.count("fetchers killed", takeovers);
    let (mut answers, mut failures, mut second_fetches) = (0, 0, 0);
    let mut downloads = 0;
    if trial.sabotage != Sabotage::NoLocks {
        for round in 0..rounds.div_ceil(4) {
            for is_failing in [false, true] {
                match sharing::share(is_failing, is_forgetful) {
                    Ok(shared) if is_failing => failures += shared,
                    Ok(shared) => answers += shared,
                    Err(error) => measured.violation(format!("sharing {round}: {error}")),
                }
            }
            match download::download(is_forgetful) {
                Ok(requests) => downloads += requests,
                Err(error) => measured.violation(format!("download {round}: {error}")),
            }
            match crash::register_after_a_crash(is_forgetful) {
                Ok(fetches) => second_fetches += fetches,
                Err(error) => measured.violation(format!("crash {round}: {error}")),
            }
        }
    }
    measured.count("callers shared an answer of the source", answers);
    measured.count("callers shared a failure", failures);
    measured.check(second_fetches == 0, || {
        format!("{second_fetches} models were fetched again")
    });
    measured.count("second fetches after a crash", second_fetches);
    let what = format!("requests for downloads to {} processes", download::CROWD);
    measured.count(&what, downloads);
    Outcome::Measured(measured)
}

fn content() -> Vec<u8> {
    (0..BYTES).map(|at| (at % 253) as u8).collect()
}
