//! The real commands of the hub, the latest `hf` and the last `huggingface-cli`, against a hub on
//! the loopback interface: every kind of reference, and every fault that hubs have.

mod bench;
mod choices;
mod content;
mod faults;
mod native;
mod references;
mod same_as_commands;
mod signed;
mod stops;

use super::net_faults;
use crate::figure::{Measured, Outcome, Sabotage, Trial};
pub use bench::run_provision;
use bench::{Bench, Client};
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
            faults::COMMAND_CASES,
            choices::CASES,
            references::CASES,
            content::CASES,
            stops::CASES,
        ],
        // These look at the bytes that were fetched.
        _ => &[references::CASES],
    };
    let clients: Vec<Client> = tools.into_iter().map(Client::Command).collect();
    let mut measured = Measured::of(trial);
    try_cases(&mut measured, trial, groups, &clients);
    measured.count("commands", clients.len());
    Outcome::Measured(measured)
}

/// The same cases with the fetcher of this project, those that only this fetcher knows, and each lie
/// of a server to which the hub redirects.
pub(super) fn measure_native(trial: Trial) -> Outcome {
    let mut measured = Measured::of(trial);
    let groups: &[&[(&str, Case)]] = match trial.sabotage {
        Sabotage::Nothing => &[
            faults::CASES,
            choices::CASES,
            references::CASES,
            content::CASES,
            stops::CASES,
            native::CASES,
            signed::CASES,
        ],
        // These look at the bytes that were fetched.
        _ => &[references::CASES],
    };
    try_cases(&mut measured, trial, groups, &[Client::Native]);
    if trial.sabotage == Sabotage::Nothing {
        same_as_commands::compare_with_commands(&mut measured);
        net_faults::tell_through_hub(&mut measured, trial);
    }
    Outcome::Measured(measured)
}

/// Tries each case with each client.
fn try_cases(
    measured: &mut Measured,
    trial: Trial,
    groups: &[&[(&str, Case)]],
    clients: &[Client],
) {
    let cases = groups.iter().copied().flatten();
    let all: Vec<_> = cases
        .flat_map(|(name, case)| clients.iter().map(move |client| (name, case, client)))
        .collect();
    let skipped = measured.for_each(&all, |(name, case, client), measured| {
        let named = |error: &str| format!("{name} with {}: {error}", client.argument().display());
        match Bench::new(client, trial.sabotage).and_then(|bench| case(&bench)) {
            Ok(()) => 0,
            Err(reason) if reason.starts_with("skipped") => 1,
            Err(error) => {
                measured.violation(named(&error));
                0
            }
        }
    });
    measured.count("cases", all.len() - skipped);
    if skipped > 0 {
        measured.count("skipped, as nothing can be mounted here", skipped);
    }
}
