use catalog_core::Digest;

use super::checksum::Checksum;
use crate::net::Ask;

/// A file of a model at its source.
#[derive(Clone)]
pub(crate) struct RemoteFile {
    /// The name in the model. It comes from the reference or from a listing, never from a header.
    pub(crate) name: String,
    /// The SHA-256 that the bytes must have, if it is known before the first request.
    pub(crate) sha256: Option<Digest>,
    /// Another hash that the bytes must have, if it is known and the SHA-256 is not.
    pub(crate) checksum: Option<Checksum>,
    /// The size, if it is known before the first request.
    pub(crate) size: Option<u64>,
    /// The first request for the file. After a redirect, requests go to the target directly.
    pub(crate) ask: Ask,
}

impl RemoteFile {
    /// Returns true if a known hash proves the whole file, so parts of it can be joined.
    pub(crate) fn is_proven(&self) -> bool {
        self.sha256.is_some() || self.checksum.is_some()
    }
}
