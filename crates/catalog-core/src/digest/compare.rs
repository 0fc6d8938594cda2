use serde::{Deserialize, Serialize};

use super::value::Digest;

/// The kind of outcome of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerificationOutcomeKind {
    /// The bytes are the expected ones.
    Pass,
    /// No digest was expected, so nothing is proved.
    Warn,
    /// The bytes are not the expected ones, or no proof could be made.
    Fail,
}

/// The outcome of a verification, with the reason where it is not [`Pass`].
///
/// [`Pass`]: VerificationOutcomeKind::Pass
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerificationOutcome {
    /// The kind of outcome.
    pub kind: VerificationOutcomeKind,
    /// The reason, for people.
    pub reason: Option<String>,
}

impl VerificationOutcome {
    /// The outcome of bytes that are the expected ones.
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

/// Compares the digest of bytes with the one expected of them.
///
/// - both well-formed and equal (letters of either case): `Pass`
/// - nothing expected: `Warn`
/// - different, missing, malformed or of an unknown algorithm: `Fail`, even if both are the same
///   text, for two equal pieces of nonsense prove nothing
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
