//! Proof of bytes: what a digest is, how one is computed, and what comparing two says.

mod algorithm;
mod files;
mod hash;
mod sealed;
mod tree;
mod value;
mod verify;

pub use algorithm::{DigestAlgorithm, Proves};
pub(crate) use files::{FileContent, hash_files};
pub(crate) use hash::sha256;
pub use hash::{HashProgress, Hasher};
pub(crate) use sealed::{seal, unseal};
pub(crate) use tree::{NOT_THE_MODEL, tree_digest};
pub use value::Digest;
pub use verify::{VerificationOutcome, VerificationOutcomeKind, verify_digest};
