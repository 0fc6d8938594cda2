//! The engine of a call: facts (one look at the host) → plan (pure) → execute → a verified model →
//! register. `turn` states the waits, the retries and the ends of a call.

mod context;
mod execute;
mod facts;
mod nested;
mod plan;
mod provisioner;
mod register;
mod turn;
mod verified;

pub use provisioner::ModelProvisioner;
