use std::sync::Arc;
use std::time::Duration;

use catalog_core::fetching::FetchedBytes;
use catalog_core::{
    Assurance, Basis, Digest, Lease, LocalModel, ResolvedModel, VerificationOutcome,
    VerificationOutcomeKind,
};

use crate::error::Result;
use crate::steps::Provided;

/// The result of a request to provision a model.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProvisionReport {
    /// The model, as [`ensure_present`](crate::ModelProvisioner::ensure_present) returns it.
    pub resolved: ResolvedModel,
    /// The lease on the model: nobody removes the model while a clone of the report or of the lease
    /// is held. For a model in place it locks nothing, because the store never removes such a model,
    /// and other programs still can. `None` if the catalog is not on disk.
    pub lease: Option<Arc<Lease>>,
    /// The way in which the model was provided.
    pub provided: Provided,
    /// The digest of the bytes. `None` if the bytes have no known digest, or do not have the
    /// expected digest.
    pub digest: Option<Digest>,
    /// The outcome of the verification: Pass, or Warn if there is no digest to compare with or if
    /// the policy allows a mismatch.
    pub outcome: VerificationOutcome,
    /// The facts behind the outcome.
    pub assurance: Assurance,
    /// The number of bytes that this call fetched or copied.
    pub staged_bytes: u64,
    /// The bytes that a fetcher of this crate counted, by their origin: fetched by this call, kept
    /// from an interrupted call, or reused from another model of the store.
    pub bytes: FetchedBytes,
    /// The size of the model in bytes, if it is known.
    pub size: Option<u64>,
    /// The revision to which the source resolved the reference, such as a commit, if the source has
    /// revisions.
    pub revision: Option<String>,
    /// Whether the call changed the catalog.
    pub is_catalog_changed: bool,
    /// The time that each part of the call took.
    pub durations: Durations,
}

impl ProvisionReport {
    /// Returns true if a caller or the source stated a digest and the bytes have it. A digest that
    /// this library computed itself shows only that the bytes have not changed since.
    pub fn is_proven(&self) -> bool {
        self.outcome.kind == VerificationOutcomeKind::Pass
            && self.assurance.basis >= Basis::SourceHash
    }

    /// Returns the names of the files of the model, without its companions. Looks at the folder of
    /// the model, and reads no byte of the files.
    ///
    /// # Errors
    ///
    /// The errors of [`LocalModel::resolve`].
    pub fn file_names(&self) -> Result<Vec<String>> {
        let model = LocalModel::resolve(&self.resolved.local_path)?;
        Ok(model.file_names().map(str::to_owned).collect())
    }
}

/// The time that each phase of a call took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Durations {
    /// The time of waiting for another caller that provisions the same model.
    pub waiting: Duration,
    /// The time of fetching and copying bytes.
    pub fetching: Duration,
    /// The time of hashing bytes.
    pub verifying: Duration,
    /// The time of making bytes durable and moving them to their place.
    pub publishing: Duration,
    /// The time of changing the catalog.
    pub registering: Duration,
    /// The time of the whole call.
    pub total: Duration,
}
