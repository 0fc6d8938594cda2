use std::path::PathBuf;

use super::recording::Recordable;
use crate::digest::{Assurance, Digest, VerificationOutcome, VerificationOutcomeKind};

/// The extent of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Verify {
    /// Hashes only if device, inode, size or times of any file differ from when it was hashed last,
    /// or were too fresh then to tell.
    #[default]
    Quick,
    /// Hashes everything.
    Full,
}

/// The verification of a model or an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// The id of the entry.
    pub id: String,
    /// Pass, Fail, or Warn if nothing was expected of it.
    pub outcome: VerificationOutcome,
    /// The facts behind the outcome.
    pub assurance: Assurance,
    /// The digest of its bytes, if they were compared as one.
    pub actual: Option<Digest>,
    /// The number of bytes that were hashed.
    pub hashed: u64,
    /// The present paths of the files of a managed model that failed; its entry is Retired.
    pub quarantined: Vec<PathBuf>,
    /// The proof to record, if bytes were compared in this call.
    pub(crate) recordable: Option<Recordable>,
}

impl Verification {
    /// Logs one event for each verification. It is a warning if bytes were compared and not proved.
    pub(super) fn trace(&self) {
        let Self { id, hashed, .. } = self;
        let (basis, method) = (self.assurance.basis, self.assurance.method);
        let reason = self.outcome.reason.as_deref().unwrap_or_default();
        let outcome = match self.outcome.kind {
            VerificationOutcomeKind::Pass => "pass",
            VerificationOutcomeKind::Warn => "warn",
            VerificationOutcomeKind::Fail => "fail",
        };
        if outcome == "pass" || method.is_none() {
            tracing::info!(id, outcome, reason, ?basis, ?method, hashed, "verification");
        } else {
            tracing::warn!(id, outcome, reason, ?basis, ?method, hashed, "verification");
        }
    }
}
