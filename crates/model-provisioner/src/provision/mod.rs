//! The flow of a call: plan (pure) → acquire → admit. Each step takes the value of the one before.

mod acquire;
mod admit;
mod plan;
mod provisioner;
mod report;
mod request;

pub use provisioner::ModelProvisioner;
pub use report::{ProvisionReport, Satisfied};
pub use request::ProvisionRequest;
