use std::cmp::Ordering;
use std::ops::Deref;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// The bytes of a file. Clones share the bytes, and contents are compared by their SHA-256. Thus many states of a large
/// file take little memory and time.
#[derive(Debug, Clone)]
pub struct Content {
    sha256: [u8; 32],
    bytes: Arc<[u8]>,
}

impl<B: Into<Arc<[u8]>>> From<B> for Content {
    fn from(bytes: B) -> Self {
        let bytes = bytes.into();
        Self {
            sha256: Sha256::digest(&bytes).into(),
            bytes,
        }
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::from([])
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }
}

impl Eq for Content {}

impl PartialOrd for Content {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Content {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sha256.cmp(&other.sha256)
    }
}
