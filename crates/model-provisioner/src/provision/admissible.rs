use std::path::{Path, PathBuf};

use catalog_core::{Artifact, Digest, Method, Verification, VerificationOutcome};

use crate::means::{Proof, Satisfied};

/// Bytes that are what was expected of them, or of which nothing was, or whose mismatch the policy
/// lets through: the only thing that [`Call::register`](super::call::Call::register) takes, so nothing else gets into a catalog.
#[derive(Debug)]
pub(super) struct Admissible {
    pub(super) place: Place,
    pub(super) satisfied: Satisfied,
    /// What they are.
    pub(super) digest: Option<Digest>,
    /// What is expected of them from now on.
    pub(super) pinned: Option<Digest>,
    pub(super) outcome: VerificationOutcome,
    pub(super) proof: Proof,
    pub(super) verified_by: Option<Method>,
    /// What the catalog found of bytes in their place, for its record of them.
    pub(super) verification: Option<Box<Verification>>,
    pub(super) bytes_staged: u64,
    pub(super) bytes_reused: u64,
    pub(super) revision: Option<String>,
}

/// Where they lie.
#[derive(Debug)]
pub(super) enum Place {
    /// Where they were; verified at this time, in milliseconds since 1970.
    Path(PathBuf, u64),
    /// In the store, which keeps them as long as this is held.
    Store(Box<Artifact>),
}

impl Place {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Path(path, _) => path,
            Self::Store(artifact) => artifact.path(),
        }
    }
}
