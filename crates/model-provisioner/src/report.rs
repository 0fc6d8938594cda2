use std::sync::Arc;
use std::time::Duration;

use catalog_core::{Assurance, Digest, Lease, ResolvedModel, VerificationOutcome};

use crate::steps::Provided;

/// The result of a request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProvisionReport {
    /// The model, as [`ensure_present`](crate::ModelProvisioner::ensure_present) returns it.
    pub resolved: ResolvedModel,
    /// The lease on the model: nobody removes the model while a clone of the report or of the lease
    /// is held. `None` if the catalog is not on disk.
    pub lease: Option<Arc<Lease>>,
    /// The way in which the model was provided.
    pub provided: Provided,
    /// The digest of the bytes. `None` if they were not hashed, or are not what was expected.
    pub digest: Option<Digest>,
    /// Pass, or Warn if nothing was expected of the bytes or the policy lets a mismatch through.
    pub outcome: VerificationOutcome,
    /// The facts behind the outcome.
    pub assurance: Assurance,
    /// The number of bytes that this call fetched or copied.
    pub staged_bytes: u64,
    /// The size of the model in bytes, if it is known.
    pub size: Option<u64>,
    /// The revision that the source resolved to, such as a commit, if it has any.
    pub revision: Option<String>,
    /// Whether the catalog was changed.
    pub is_catalog_changed: bool,
    /// The time that each part took.
    pub durations: Durations,
}

/// The time that each part of a call took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Durations {
    /// Waiting for another caller that made the same model present.
    pub waiting: Duration,
    /// Fetching and copying bytes.
    pub fetching: Duration,
    /// Hashing bytes.
    pub verifying: Duration,
    /// Making bytes durable and moving them into their place.
    pub publishing: Duration,
    /// Changing the catalog.
    pub registering: Duration,
    /// All of the call.
    pub total: Duration,
}
