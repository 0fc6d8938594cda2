use catalog_core::Digest;

use crate::net::Ask;

/// A file of a model at its source.
#[derive(Clone)]
pub(crate) struct RemoteFile {
    /// The name in the model. It comes from the reference or from a listing, never from a header.
    pub(crate) name: String,
    /// The SHA-256 that the bytes must have, if it is known before the first request.
    pub(crate) sha256: Option<Digest>,
    /// The first request for the file. After a redirect, requests go to the target directly.
    pub(crate) ask: Ask,
}
