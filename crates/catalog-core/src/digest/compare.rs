use serde::{Deserialize, Serialize};

use super::value::Digest;

/// The kind of outcome of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerificationOutcomeKind {
    /// The bytes have the expected digest.
    Pass,
    /// No digest was expected, so nothing is proved.
    Warn,
    /// The bytes do not have the expected digest, or the comparison was not possible.
    Fail,
}

/// The outcome of a verification, with a reason unless the outcome is [`Pass`].
///
/// [`Pass`]: VerificationOutcomeKind::Pass
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationOutcome {
    /// The kind of outcome.
    pub kind: VerificationOutcomeKind,
    /// The reason as text for people. It is `None` for a passed verification.
    pub reason: Option<String>,
}

impl VerificationOutcome {
    /// Creates the outcome for bytes that have the expected digest.
    pub(crate) fn passed() -> Self {
        Self {
            kind: VerificationOutcomeKind::Pass,
            reason: None,
        }
    }

    fn because(kind: VerificationOutcomeKind, reason: impl Into<String>) -> Self {
        Self {
            kind,
            reason: Some(reason.into()),
        }
    }
}

/// Compares the actual digest of some bytes with their expected digest.
///
/// - `Pass`: both digests are well-formed and equal. Letters of either case are equal.
/// - `Warn`: no digest is expected.
/// - `Fail`: the digests differ, the actual digest is missing, or one of them is malformed or has
///   an unknown algorithm. Two equal malformed texts prove nothing, so they fail too.
///
/// ```
/// use catalog_core::{Digest, VerificationOutcomeKind, verify_digest};
///
/// let nonsense = Digest { algo: "sha256".into(), value: "yes".into() };
/// let outcome = verify_digest(Some(&nonsense), Some(&nonsense));
/// assert_eq!(outcome.kind, VerificationOutcomeKind::Fail);
/// ```
pub fn verify_digest(actual: Option<&Digest>, expected: Option<&Digest>) -> VerificationOutcome {
    use VerificationOutcomeKind::{Fail, Pass, Warn};

    let Some(expected) = expected else {
        return VerificationOutcome::because(Warn, "no digest is expected, so nothing is proved");
    };
    let expected = match expected.canonical() {
        Ok(expected) => expected,
        Err(error) => {
            let reason = format!("the expected digest is unusable: {error}");
            return VerificationOutcome::because(Fail, reason);
        }
    };
    let Some(actual) = actual else {
        let reason = format!("expected {expected}, but there is no digest of the bytes");
        return VerificationOutcome::because(Fail, reason);
    };
    match actual.canonical() {
        Ok(actual) if actual == expected => VerificationOutcome {
            kind: Pass,
            reason: None,
        },
        Ok(actual) => VerificationOutcome::because(
            Fail,
            format!("digest mismatch: expected {expected}, got {actual}"),
        ),
        Err(error) => VerificationOutcome::because(
            Fail,
            format!("the digest of the bytes is unusable: {error}"),
        ),
    }
}
