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

pub(super) fn measure(trial: Trial) -> Outcome {
    let mut measured = Measured::default();
    let parts = [
        headers::measure(trial, &mut measured),
        depth::measure(&mut measured),
        space::measure(&mut measured),
    ];
    for error in parts.into_iter().filter_map(Result::err) {
        measured.violation(error);
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
