use serde::{Deserialize, Serialize};

use crate::artifacts::{Fingerprint, Published};
use crate::digest::{
    Assurance, Basis, Digest, Method, RecordedVerification, VerificationOutcome,
    VerificationOutcomeKind,
};

/// The latest verification of an entry, in the record of the entry. It is about the path and the
/// digest of the record: a change of either removes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Proof {
    pub(crate) outcome: VerificationOutcomeKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The time when the verification began, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    pub(crate) basis: Basis,
    /// The fingerprint of the files. It is left out of a serialised snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprint: Option<Fingerprint>,
    /// Whether an equal fingerprint at a later time shows that nothing has changed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) is_settled: bool,
}

impl Proof {
    /// Creates the proof of an artifact that was published just now. Its bytes were compared while
    /// they were staged.
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

    /// Returns the proof that stays in the record when a caller puts the same path and digest. A
    /// failure does not stay: the caller states that the model is intact, and only a new
    /// verification can decide.
    pub(crate) fn kept_by_put(&self) -> Option<Box<Self>> {
        (!self.is_fail()).then(|| Box::new(self.clone()))
    }

    /// Returns the proof without the facts that hold only on this host.
    pub(crate) fn without_host(&self) -> Box<Self> {
        Box::new(Self {
            fingerprint: None,
            is_settled: false,
            ..self.clone()
        })
    }

    /// Returns the public form of the proof. `digest` is the digest of the record.
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
