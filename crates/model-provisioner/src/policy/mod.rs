//! The rules of a provisioner, as plain data. The defaults allow each model whose bytes have the
//! expected digest, and each model without an expected digest.

mod filter;
mod gate;
mod outbound;
mod refusal;
mod rules;

pub use filter::Filter;
pub use outbound::{AddressRules, Outbound};
pub(crate) use refusal::Refusal;
pub use rules::{OnMismatch, Policy, StagingMode, Unverified};
