//! Crowds: a thousand threads of one process that each want a model of their own, and many processes
//! that poll one catalog beside a writer.

use std::io;
use std::process::{Child, Command, Stdio};

use crate::figure::{Measured, Outcome, Sabotage, Trial};
use crate::strace::program;

mod polls;
mod threads;

pub use polls::run_poller;
pub use threads::run_threads;

pub(super) fn measure(trial: Trial) -> Outcome {
    let mut measured = Measured::default();
    // Each sabotage is of one of the two crowds.
    if trial.sabotage != Sabotage::FreshHandles
        && let Err(error) = threads::measure(trial, &mut measured)
    {
        measured.violation(error);
    }
    if trial.sabotage != Sabotage::FewHandles
        && let Err(error) = polls::measure(trial, &mut measured)
    {
        measured.violation(error);
    }
    Outcome::Measured(measured)
}

/// Starts this program in a role of the figure; its output is collected.
fn start(role: &str, words: &[&str]) -> io::Result<Child> {
    Command::new(program())
        .arg(role)
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
}

/// Waits for a process, and returns the lines that it printed.
fn lines_of(child: Child) -> Result<Vec<String>, String> {
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => {
            let text = String::from_utf8_lossy(&output.stdout);
            Ok(text.lines().map(str::to_owned).collect())
        }
        false => Err(format!("a process ended with {}", output.status)),
    }
}
