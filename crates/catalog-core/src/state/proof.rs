use serde::{Deserialize, Serialize};

use crate::artifacts::{Fingerprint, Published};
use crate::digest::{
    Assurance, Basis, Digest, Method, RecordedVerification, VerificationOutcome,
    VerificationOutcomeKind,
};

/// The latest verification of an entry, in the entry's record. It is about the path and the digest of
/// that record: a change of either drops it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proof {
    pub(crate) outcome: VerificationOutcomeKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// When it began, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    pub(crate) basis: Basis,
    /// What the file system said of the files; none in a snapshot that leaves the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprint: Option<Fingerprint>,
    /// Whether an equal fingerprint later shows that nothing changed since.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) is_settled: bool,
}

impl Proof {
    /// The proof of an artifact that was just published: its bytes were compared while they were
    /// staged.
    pub(crate) fn of_publication(published: &Published, at_ms: u64, basis: Basis) -> Self {
        Self {
            outcome: VerificationOutcomeKind::Pass,
            reason: None,
            at_ms,
            basis,
            fingerprint: Some(published.fingerprint.clone()),
            is_settled: published.is_settled,
        }
    }

    pub(crate) fn is_pass(&self) -> bool {
        self.outcome == VerificationOutcomeKind::Pass
    }

    pub(crate) fn is_fail(&self) -> bool {
        self.outcome == VerificationOutcomeKind::Fail
    }

    /// The proof that a caller's put of the same path and digest keeps. A failure ends there: the
    /// caller says that the model is as it should be, and only a new look can tell.
    pub(crate) fn kept_by_put(&self) -> Option<Box<Self>> {
        (!self.is_fail()).then(|| Box::new(self.clone()))
    }

    /// The proof without what is true of this host only.
    pub(crate) fn without_host(&self) -> Box<Self> {
        Box::new(Self {
            fingerprint: None,
            is_settled: false,
            ..self.clone()
        })
    }

    /// The public form, given the digest of the record.
    pub(crate) fn verification(&self, digest: Option<&Digest>) -> RecordedVerification {
        RecordedVerification {
            outcome: VerificationOutcome {
                kind: self.outcome,
                reason: self.reason.clone(),
            },
            assurance: Assurance {
                basis: self.basis,
                algorithm: digest.and_then(|digest| digest.algorithm().ok()),
                at_ms: Some(self.at_ms),
                method: Some(Method::Hashed),
            },
        }
    }
}

fn is_false(is_so: &bool) -> bool {
    !is_so
}
