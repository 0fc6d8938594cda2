//! The interface between a provisioner and a catalog on disk: an artifact store, proofs, leases,
//! and a lock for each model.
//!
//! The crate `model-provisioner` uses this module. Other programs seldom need it.

pub use crate::catalog::ManagedCatalog;
pub use crate::maintenance::registered::RegisteredModel;
pub use crate::state::{ModelLock, ModelLockAttempt, ModelLockStatus, SourceCall, SourceFailure};
