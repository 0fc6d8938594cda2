//! Hostile files and greedy writers are bounded: in memory, in time after a cancellation, in depth and in
//! space.

use std::process::Command;

use crate::figure::{Measured, Outcome, Sabotage, Trial};
use crate::strace::program;

mod depth;
mod headers;
mod space;

pub use headers::run_reader;

/// The number of MiB that reading headers and side files may take.
const MOST_MIB: u64 = 64;

/// A part of the figure.
type Part = fn(Trial, &mut Measured) -> Result<(), String>;

pub(super) fn measure(trial: Trial) -> Outcome {
    let mut measured = Measured::of(trial);
    let parts: [Part; 3] = [
        headers::measure,
        |_, measured| depth::measure(measured),
        |_, measured| space::measure(measured),
    ];
    for part in parts {
        if let Err(error) = part(trial, &mut measured) {
            measured.violation(error);
        }
        if measured.is_hopeless() {
            break;
        }
    }
    Outcome::Measured(measured)
}

/// Starts this program as a reader of one path; returns what it printed.
fn read(path: &std::path::Path, sabotage: Sabotage) -> Result<String, String> {
    let how = match sabotage {
        Sabotage::WholeFiles => "whole",
        _ => "stream",
    };
    let output = Command::new(program())
        .args(["--read-header", how])
        .arg(path)
        .output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(format!(
            "{}: the reader ended with {}: {}",
            path.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}
