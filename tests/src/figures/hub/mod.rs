//! The real commands of the hub, the latest `hf` and the last `huggingface-cli`, against a hub on
//! the loopback interface: every kind of reference, and every fault that hubs have.

mod bench;
mod content;
mod faults;
mod references;
mod stops;

use crate::figure::{Measured, Outcome, Sabotage, Trial};
use bench::Bench;
pub use bench::run_provision;
pub(super) use bench::{chain, repository, tools};

/// One thing that must be so; fails with what is not.
type Case = fn(&Bench) -> Result<(), String>;

pub(super) fn measure(trial: Trial) -> Outcome {
    let tools = match tools() {
        Ok(tools) => tools,
        Err(reason) => return Outcome::Skipped(reason),
    };
    // The slowest are among the faults, and begin first.
    let groups: &[&[(&str, Case)]] = match trial.sabotage {
        Sabotage::Nothing => &[
            faults::CASES,
            references::CASES,
            content::CASES,
            stops::CASES,
        ],
        // These look at the bytes that were fetched.
        _ => &[references::CASES],
    };
    let cases = groups.iter().copied().flatten();
    let all: Vec<_> = cases
        .flat_map(|(name, case)| tools.iter().map(move |tool| (name, case, tool)))
        .collect();
    let mut measured = Measured::of(trial);
    let skipped = measured.for_each(&all, |(name, case, tool), measured| {
        let named = |error: &str| format!("{name} with {}: {error}", tool.display());
        match Bench::new(tool, trial.sabotage).and_then(|bench| case(&bench)) {
            Ok(()) => 0,
            Err(reason) if reason.starts_with("skipped") => 1,
            Err(error) => {
                measured.violation(named(&error));
                0
            }
        }
    });
    measured.count("commands", tools.len());
    measured.count("cases", all.len() - skipped);
    if skipped > 0 {
        measured.count("skipped, as nothing can be mounted here", skipped);
    }
    Outcome::Measured(measured)
}
