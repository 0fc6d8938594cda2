//! The flow of a call: facts → plan (pure) → acquire → admit. Each step takes the value of the one
//! before, and everything but the first look happens in the call's turn (`single_flight`).

mod acquire;
mod admissible;
mod admit;
mod call;
mod carry_out;
mod judge;
mod plan;
mod provisioner;
mod report;
mod request;
mod single_flight;
mod turn;
mod verdict;
mod watch;

pub use provisioner::ModelProvisioner;
pub use report::{Durations, ProvisionReport};
pub use request::{Freshness, ProvisionRequest};
