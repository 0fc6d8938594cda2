//! Prints the reliability figures: `scoreboard [--quick | --sabotages] [NAME…]`, one closing line each; without
//! a name, all of them, or with `--quick` all that bound no times. Exits non-zero if one is out of bounds.
//!
//! Each figure has sabotages: faults outside the product that it must notice. After a figure that is within
//! bounds, its sabotages run in their quick form, each until its first violation, and one line each tells whether
//! it was noticed. Exits non-zero if one was not.
//!
//! | option | what runs |
//! | --- | --- |
//! | none | the figures in full, each followed by its sabotages |
//! | `--quick` | the quick form of the figures, without sabotages: a test of the workspace runs those |
//! | `--sabotages` | the sabotages only |
//! | `--sabotage=NAME` | the figures beside this one fault, in full or with `--quick` |

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]

use std::process::ExitCode;

use workspace_tests::figure::{Extent, Figure, Sabotage, Trial, Verdict};
use workspace_tests::{call, figures, steps};

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    // What the figures start as processes of their own is this program too.
    let role = match arguments.first().map(String::as_str) {
        Some("--workload") => Some(steps::run as fn(&[String]) -> Result<(), String>),
        Some("--race") => Some(figures::run_racer as _),
        Some("--contend") => Some(figures::run_contender as _),
        Some("--fetch") => Some(figures::run_fetcher as _),
        Some("--fly") => Some(figures::run_caller as _),
        Some("--share") => Some(figures::run_sharing_caller as _),
        Some("--crowd") => Some(figures::run_one_of_crowd as _),
        Some("--die") => Some(figures::run_dying_caller as _),
        Some("--secrets") => Some(figures::run_secrets as _),
        Some("--secret-requests") => Some(figures::run_secret_requests as _),
        Some("--warm") => Some(figures::run_warm as _),
        Some("--provision") => Some(figures::run_provision as _),
        Some("--latency-writer") => Some(figures::run_latency_writer as _),
        Some("--hold-lock") => Some(figures::run_lock_holder as _),
        Some("--account") => Some(call::run_account as _),
        Some("--read-header") => Some(figures::run_reader as _),
        Some("--herd") => Some(figures::run_threads as _),
        Some("--poll") => Some(figures::run_poller as _),
        Some("--soak") => Some(figures::run_daemon as _),
        _ => None,
    };
    if let Some(role) = role {
        return match role(&arguments[1..]) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::from(2)
            }
        };
    }
    let mut trial = Trial {
        extent: Extent::Full,
        sabotage: Sabotage::Nothing,
    };
    let mut only_sabotages = false;
    let options: Vec<String> = arguments
        .extract_if(.., |word| word.starts_with("--"))
        .collect();
    for option in &options {
        let sabotage = option.strip_prefix("--sabotage=").and_then(Sabotage::named);
        match (option.as_str(), sabotage) {
            ("--quick", _) => trial.extent = Extent::Quick,
            ("--sabotages", _) => only_sabotages = true,
            (_, Some(sabotage)) => trial.sabotage = sabotage,
            _ => {
                let names: Vec<&str> = Sabotage::names().collect();
                eprintln!(
                    "there is no option `{option}`; there are --quick, --sabotages, and --sabotage= with one of {}",
                    names.join(", ")
                );
                return ExitCode::from(2);
            }
        }
    }
    let unknown = arguments
        .iter()
        .find(|name| figures::ALL.iter().all(|figure| figure.name != **name));
    if let Some(name) = unknown {
        let names: Vec<&str> = figures::ALL.iter().map(|figure| figure.name).collect();
        eprintln!(
            "there is no figure `{name}`; there are {}",
            names.join(", ")
        );
        return ExitCode::from(2);
    }
    let mut is_good = true;
    for figure in figures::ALL {
        let is_wanted = if arguments.is_empty() {
            only_sabotages || trial.extent == Extent::Full || !figure.is_timed
        } else {
            arguments.iter().any(|name| name == figure.name)
        };
        if is_wanted {
            is_good &= match only_sabotages {
                true => prove(&figure),
                false => measure(&figure, trial),
            };
        }
    }
    if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Measures a figure, and proves it if it is measured in full, undisturbed and within bounds. Returns whether
/// all is as it should be.
fn measure(figure: &Figure, trial: Trial) -> bool {
    let (report, verdict) = figure.report(trial);
    println!("{report}");
    let is_plain = trial.extent == Extent::Full && trial.sabotage == Sabotage::Nothing;
    match verdict {
        Verdict::WithinBounds => !is_plain || prove(figure),
        Verdict::Skipped => true,
        Verdict::OutOfBounds => false,
    }
}

fn prove(figure: &Figure) -> bool {
    figure.prove(|line| println!("{line}"))
}
