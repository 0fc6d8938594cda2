//! The state below one root: the records of its indexes, its pins, its leases, its model locks, and
//! the deletion of entries.

mod deletion;
mod edit;
mod engine_record;
mod lease;
mod model_lock;
mod model_lock_text;
mod model_record;
mod options;
mod pin_record;
mod pins;
mod proof;
#[cfg(test)]
mod record_fields;
mod referenced_paths;
mod retirement;
mod root_state;
mod source_call;
mod validate;

pub use edit::{CatalogEdit, EngineEdit};
pub use model_lock::{ModelLock, ModelLockAttempt, ModelLockStatus};
pub use options::{OutsidePaths, StoreOptions};
pub use pin_record::Pin;
pub use source_call::{SourceCall, SourceFailure};

pub(crate) use deletion::{
    Candidate, Decision, Freed, MovedAside, decide, delete_engine, delete_model, free,
    move_all_aside,
};
pub(crate) use engine_record::EngineRecord;
pub(crate) use lease::{exclude_leases, lease};
pub(crate) use model_lock::try_lock_model;
pub(crate) use model_record::ModelRecord;
pub(crate) use pins::{check_not_pinned, pin, unpin};
pub(crate) use proof::Proof;
pub(crate) use referenced_paths::{Refers, remove_unreferenced};
pub(crate) use retirement::Retirement;
pub(crate) use root_state::RootState;
pub(crate) use validate::{validate_engine, validate_model};
