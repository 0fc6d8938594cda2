use serde::{Deserialize, Serialize};

use super::algorithm::DigestAlgorithm;
use super::compare::VerificationOutcome;

/// The source of the digest or sizes that bytes were compared with. The variants are ordered from
/// weak to strong.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Basis {
    /// The bytes were compared with nothing.
    #[default]
    Nothing,
    /// The sizes that the source of the bytes states.
    Sizes,
    /// The digest that this library computed when it received the bytes. It shows only that the
    /// bytes have not changed since then.
    OwnHash,
    /// A checksum that the source states. It does not protect against an attacker.
    SourceChecksum,
    /// A cryptographic hash that the source states.
    SourceHash,
    /// The digest that the catalog pins for the entry.
    Pin,
    /// The digest that the caller passed.
    Caller,
}

/// The method by which bytes were compared with a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// The library hashed all bytes.
    Hashed,
    /// The library compared fingerprints: the bytes were hashed before, and the file system shows
    /// no change since then.
    Fingerprint,
}

/// The facts behind the outcome of a verification: its basis, its algorithm, its method and its
/// time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Assurance {
    /// The source of the digest that the bytes were compared with.
    pub basis: Basis,
    /// The algorithm of the digest, if the bytes were compared with a digest.
    pub algorithm: Option<DigestAlgorithm>,
    /// The time when the bytes were last hashed, in milliseconds since 1970. It is `None` if the
    /// library never hashed them.
    pub at_ms: Option<u64>,
    /// The method by which the bytes were compared, if they were compared.
    pub method: Option<Method>,
}

/// The latest verification of an entry, as the index stores it. It describes the files at that
/// time. Only a new verification shows whether they are the same now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedVerification {
    /// The outcome of the verification.
    pub outcome: VerificationOutcome,
    /// The facts behind the outcome.
    pub assurance: Assurance,
}
