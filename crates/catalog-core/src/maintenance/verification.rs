use std::path::PathBuf;

use super::recording::Recordable;
use crate::digest::{Assurance, Digest, VerificationOutcome, VerificationOutcomeKind};

/// How much a verification relies on the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// Hashes only if device, inode, size or times of any file differ from when it was hashed last,
    /// or were too fresh then to tell.
    #[default]
    Quick,
    /// Hashes everything.
    Full,
}

/// What was found of a model or an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// The id of the entry.
    pub id: String,
    /// Pass, Fail, or Warn if nothing was expected of it.
    pub outcome: VerificationOutcome,
    /// The facts behind the outcome.
    pub assurance: Assurance,
    /// What its bytes are, if they were compared as one.
    pub actual: Option<Digest>,
    /// How many bytes were hashed.
    pub hashed: u64,
    /// Files of a managed model that failed, and where they are kept now; its entry is Retired.
    pub quarantined: Vec<PathBuf>,
    /// What can be recorded of it, if anything was compared anew.
    pub(crate) recordable: Option<Recordable>,
}

impl Verification {
    /// Emits the one event of each verification, for the log: a warning if bytes were compared with
    /// something and are not shown to be it.
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
