use serde::{Deserialize, Serialize};

use super::algorithm::DigestAlgorithm;
use super::compare::VerificationOutcome;

/// The source of the digest or the sizes that bytes were compared with. Ordered from weak to strong.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Basis {
    /// Nothing was compared.
    #[default]
    Nothing,
    /// The sizes that the source states.
    Sizes,
    /// The digest that this library computed when the bytes came. It shows that they have not
    /// changed since, and nothing about what they were then.
    OwnHash,
    /// A checksum that the source states, too weak against an attacker.
    SourceChecksum,
    /// A cryptographic hash that the source states.
    SourceHash,
    /// The digest that the catalog has for the model.
    Pin,
    /// A digest that the caller gave.
    Caller,
}

/// How bytes were compared with a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// All of them were hashed.
    Hashed,
    /// They were hashed before, and the file system shows no change since.
    Fingerprint,
}

/// The facts behind an outcome: what bytes were compared with, how and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Assurance {
    /// What they were compared with.
    pub basis: Basis,
    /// The algorithm of the digest; none if there was no digest.
    pub algorithm: Option<DigestAlgorithm>,
    /// When they were last hashed, in milliseconds since 1970; none if they never were.
    pub at_ms: Option<u64>,
    /// How they were compared; none if they were not.
    pub method: Option<Method>,
}

/// The latest verification of an entry, as its index holds it. It says what was found then: only
/// a new verification shows whether the files are the same now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedVerification {
    /// The outcome.
    pub outcome: VerificationOutcome,
    /// The facts behind it.
    pub assurance: Assurance,
}
