use std::fmt;

use sha2::{Digest as _, Sha256, Sha512};

use super::algorithm::DigestAlgorithm;
use super::value::Digest;

/// A hasher for bytes that arrive in pieces.
///
/// ```
/// use catalog_core::{DigestAlgorithm, Hasher};
///
/// let mut hasher = Hasher::new();
/// hasher.update(b"");
/// assert!(hasher.finish().to_string().starts_with("sha256:e3b0c442"));
/// ```
pub struct Hasher(State);

enum State {
    Sha256(Box<Sha256>),
    Sha512(Box<Sha512>),
}

impl Hasher {
    /// Creates a hasher for SHA-256, the digest that catalogs store.
    pub fn new() -> Self {
        Self(State::Sha256(Box::default()))
    }

    /// Creates a hasher for SHA-512.
    pub fn sha512() -> Self {
        Self(State::Sha512(Box::default()))
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(state) => state.update(bytes),
            State::Sha512(state) => state.update(bytes),
        }
    }

    /// Returns the digest of all bytes that were added.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(state) => Digest::from_bytes(DigestAlgorithm::Sha256, &state.finalize()),
            State::Sha512(state) => Digest::from_bytes(DigestAlgorithm::Sha512, &state.finalize()),
        }
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Sha256(_) => "Hasher(sha256)",
            State::Sha512(_) => "Hasher(sha512)",
        })
    }
}

/// Computes the SHA-256 of bytes in memory.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
