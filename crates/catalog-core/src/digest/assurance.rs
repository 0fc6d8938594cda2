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
    /// The digest that this library computed when the bytes came. It shows only that they have not
    /// changed since then.
    OwnHash,
    /// A checksum that the source states, too weak against an attacker.
    SourceChecksum,
    /// A cryptographic hash that the source states.
    SourceHash,
    /// The digest that is pinned in the catalog.
    Pin,
    /// A digest that the caller gave.
    Caller,
}

/// How bytes were compared with a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// All bytes were hashed.
    Hashed,
    /// The bytes were hashed before, and the file system shows no change since.
    Fingerprint,
}

/// The facts behind the outcome of a verification: its basis, its method and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Assurance {
    /// The source of the digest that the bytes were compared with.
    pub basis: Basis,
    /// The algorithm of the digest, if there was one.
    pub algorithm: Option<DigestAlgorithm>,
    /// The time when the bytes were last hashed, in milliseconds since 1970, if they ever were.
    pub at_ms: Option<u64>,
    /// The way in which the bytes were compared, if they were.
    pub method: Option<Method>,
}

/// The latest verification of an entry, as its index holds it. It describes the files at that time:
/// only a new verification shows whether they are the same now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedVerification {
    /// The outcome.
    pub outcome: VerificationOutcome,
    /// The facts behind it.
    pub assurance: Assurance,
}
