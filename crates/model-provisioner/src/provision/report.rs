use catalog_core::{Digest, ResolvedModel, VerificationOutcome};

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProvisionReport {
    /// The model, as [`ensure_present`](crate::ModelProvisioner::ensure_present) returns it.
    pub resolved: ResolvedModel,
    /// How its bytes came to be here.
    pub satisfied: Satisfied,
    /// What its bytes were proved to be; none if nothing was expected of them.
    pub digest: Option<Digest>,
    /// Pass, or Warn if nothing was expected.
    pub outcome: VerificationOutcome,
    /// Whether the catalog had to be changed.
    pub is_catalog_changed: bool,
}

/// How a model came to be on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Satisfied {
    /// The catalog knew it and its artifact is on disk.
    AlreadyRegistered,
    /// The fetcher made it present, or found that it is.
    ByFetcher,
}
