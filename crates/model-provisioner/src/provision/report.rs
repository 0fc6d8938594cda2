use std::time::Duration;

use catalog_core::{Digest, Method, ResolvedModel, VerificationOutcome};

use crate::means::{Proof, Satisfied};

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProvisionReport {
    /// The model, as [`ensure_present`](crate::ModelProvisioner::ensure_present) returns it.
    pub resolved: ResolvedModel,
    /// How its bytes came to be here.
    pub satisfied: Satisfied,
    /// The digest of its bytes; none if they were not hashed, or are not what was expected.
    pub digest: Option<Digest>,
    /// Pass, or Warn if nothing was expected of them or the policy lets a mismatch through.
    pub outcome: VerificationOutcome,
    /// What the outcome was compared with.
    pub proof: Proof,
    /// What was done to compare.
    pub verified_by: Option<Method>,
    /// How many bytes were brought.
    pub bytes_staged: u64,
    /// How many bytes were here already.
    pub bytes_reused: u64,
    /// The revision that its source resolved to, such as a commit, if it has any.
    pub revision: Option<String>,
    /// Whether the catalog had to be changed.
    pub is_catalog_changed: bool,
    /// How long each part took.
    pub durations: Durations,
}

/// How long each part of a call took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Durations {
    /// Waiting for somebody else who made the same model present.
    pub waiting: Duration,
    /// Bringing bytes.
    pub fetching: Duration,
    /// Hashing them.
    pub verifying: Duration,
    /// Making them durable and moving them into their place.
    pub publishing: Duration,
    /// Changing the catalog.
    pub registering: Duration,
    /// All of the call.
    pub total: Duration,
}
