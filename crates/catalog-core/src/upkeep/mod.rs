//! What keeps a host true over the years: verification, scrubbing, quarantine, repair, collection,
//! rebuilding. All of it is called for; nothing runs by itself.

mod collect;
mod freed;
mod plan;
mod policy;
mod proof;
mod quarantine;
mod rebuild;
mod repair;
mod scrub;
mod verify;

pub use collect::Collected;
pub use plan::{CollectionPlan, PlannedRemoval, Removable};
pub use policy::{CollectionPolicy, Evict, RemovalReason};
pub use proof::LogMark;
pub use rebuild::{Rebuilt, rebuild};
pub use repair::{BadFile, RepairReport};
pub use scrub::{ScrubBudget, ScrubReport};
pub use verify::{Verification, VerifiedBy, Verify};
