//! Digests: their computation, their comparison, and the assurance that a comparison gives.

mod algorithm;
mod assurance;
mod compare;
mod files;
mod hasher;
mod not_the_model;
mod read;
mod sealed;
mod tree;
mod value;

pub use algorithm::{DigestAlgorithm, DigestSubject};
pub use assurance::{Assurance, Basis, Method, RecordedVerification};
pub use compare::{VerificationOutcome, VerificationOutcomeKind, verify_digest};
pub(crate) use files::{FileContent, hash_files};
pub use hasher::Hasher;
pub(crate) use hasher::sha256;
pub(crate) use not_the_model::{NOT_OF_A_MODEL, is_of_a_model};
pub(crate) use sealed::{seal, unseal};
pub(crate) use tree::counted_by_first_edition;
pub use value::Digest;
