//! The end of an example: its error, and the causes of the error, as sentences.

#![expect(clippy::print_stderr, reason = "a command line prints")]

use std::error::Error;
use std::process::ExitCode;

/// Returns the exit code of a result, after its error is printed.
pub(crate) fn exit_code(outcome: Result<(), Box<dyn Error>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_chain(&*error);
            ExitCode::FAILURE
        }
    }
}

/// Prints an error and its causes.
fn print_chain(error: &dyn Error) {
    eprintln!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  caused by: {error}");
        cause = error.source();
    }
}
