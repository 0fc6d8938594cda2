//! The abilities of a catalog on disk that a provisioner uses: an artifact store, proofs, leases, and
//! one caller at a time for each model.
//!
//! `model-provisioner` is written against this module. Other programs seldom need it.

pub use crate::catalog::ManagedCatalog;
pub use crate::maintenance::registered::RegisteredModel;
pub use crate::state::{ModelLock, ModelLockAttempt, ModelLockStatus, SourceCall, SourceFailure};
