//! Proof of bytes: what a digest is, how one is computed, and what comparing two says.

mod algorithm;
mod hash;
mod tree;
mod value;
mod verify;

pub use algorithm::{DigestAlgorithm, Proves};
pub use hash::{HashProgress, Hasher};
pub use value::Digest;
pub use verify::{VerificationOutcome, VerificationOutcomeKind, verify_digest};
