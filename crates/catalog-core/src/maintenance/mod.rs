//! Maintenance of a store: verification, scrubs, quarantine, repair, collection and recovery. Each
//! task runs only when a caller starts it.
//!
//! The methods of [`FsCatalog`](crate::FsCatalog) take and return these types. [`recover`] and
//! [`rebuild`] restore a root whose indexes are damaged or lost.

mod collect;
mod collected;
mod collection_facts;
mod collection_plan;
mod evict;
mod finish_deletions;
mod freed;
mod import;
mod leftovers;
mod managed;
mod plan_collection;
mod policy;
mod proof;
mod quarantine;
mod rebuild;
mod recording;
mod recover;
pub(crate) mod registered;
mod repair;
mod room;
mod scrub;
mod skipped;
mod unlink;
mod verification;
mod verify;
mod verify_engine;

pub use crate::artifacts::{Evidence, FileSizes};
pub use crate::index::{IndexRecovery, RecoveryAction};
pub use crate::root::KeptAside;

pub use collected::Collected;
pub use collection_plan::{CollectionPlan, PlannedRemoval, Removable};
pub use leftovers::QuarantinedFile;
pub use policy::{CollectionPolicy, Evict, RemovalReason};
pub use rebuild::{Rebuilt, rebuild};
pub use recover::{Recovery, recover};
pub use repair::{BadFile, RepairReport};
pub use scrub::{ScrubBudget, ScrubReport};
pub use skipped::Skipped;
pub use verification::{Verification, Verify};

pub(crate) use collect::collect;
pub(crate) use import::import;
pub(crate) use leftovers::quarantined;
pub(crate) use plan_collection::plan_collection;
pub(crate) use proof::{put_verified, register};
pub(crate) use registered::registered;
pub(crate) use repair::repair;
pub(crate) use room::making_room;
pub(crate) use scrub::scrub;
pub(crate) use verify::{verify, verify_candidate};
pub(crate) use verify_engine::verify_engine;
