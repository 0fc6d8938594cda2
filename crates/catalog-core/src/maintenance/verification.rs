use std::path::PathBuf;

use super::recording::Recordable;
use crate::digest::{Assurance, Digest, VerificationOutcome, VerificationOutcomeKind};

/// The extent of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Verify {
    /// Hashes the files only if the device, the inode, the size or the times of a file changed
    /// since the last hash, or if a file was too fresh at the last hash to be certain.
    #[default]
    Quick,
    /// Hashes all files.
    Full,
}

/// The result of the verification of a model or an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// The id of the entry.
    pub id: String,
    /// The outcome: Pass, Fail, or Warn if the digest cannot prove the bytes or there is no digest.
    pub outcome: VerificationOutcome,
    /// The facts behind the outcome.
    pub assurance: Assurance,
    /// The digest of the bytes, if the whole artifact was compared with one digest.
    pub actual: Option<Digest>,
    /// The number of bytes that were hashed.
    pub hashed: u64,
    /// The paths in quarantine of the corrupt files of a managed model. If there are any, the entry
    /// is Retired.
    pub quarantined: Vec<PathBuf>,
    /// The proof to record, if bytes were compared in this call.
    pub(crate) recordable: Option<Recordable>,
}

impl Verification {
    /// Logs the verification as one event. The event is a warning if bytes were compared but not
    /// proved.
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
