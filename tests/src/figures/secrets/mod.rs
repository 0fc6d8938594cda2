//! Every flow runs with canary secrets. Then the figure searches for them in all output, files and
//! arguments. Web servers receive the secrets that belong to them and no other ones.

mod canaries;
mod flows;
mod requests;
mod said;
mod search;
mod texts;

use super::{hub, net_faults};
use crate::figure::{Measured, Outcome, Trial};
pub use flows::run_secrets;
pub use requests::run_secret_requests;

pub(super) fn measure(trial: Trial) -> Outcome {
    let tools = match hub::tools() {
        Ok(tools) => tools,
        Err(reason) => return Outcome::Skipped(reason),
    };
    let mut measured = Measured::of(trial);
    match requests::try_requests(trial.sabotage, &mut measured) {
        Ok(flows) => measured.at_least(7, "flows with requests to several servers", flows),
        Err(error) => measured.violation(error),
    }
    let mut flows = 0;
    for tool in &tools {
        if measured.is_hopeless() {
            break;
        }
        match search::try_flows(tool, trial.sabotage, &mut measured) {
            Ok(tried) => flows += tried,
            Err(error) => measured.violation(error),
        }
    }
    measured.at_least(2 * 23, "flows", flows);
    Outcome::Measured(measured)
}
