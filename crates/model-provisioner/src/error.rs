use std::path::PathBuf;

use catalog_core::{CatalogError, Digest, DigestError};

/// Shorthand for the result of every call of this crate.
pub type Result<T, E = ProvisionError> = std::result::Result<T, E>;

/// Everything that provisioning can fail with; one variant for each thing a caller can do.
///
/// `Display` says what happened and the repair; it never repeats what
/// [`source`](std::error::Error::source) says. A failure leaves the catalog as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvisionError {
    /// The catalog or the fetcher failed: see [`CatalogError`].
    #[error(transparent)]
    Catalog(#[from] CatalogError),

    /// The expected digest can prove nothing: correct it.
    #[error("the expected digest is unusable; nothing was done")]
    InvalidExpectedDigest {
        /// What is wrong with it.
        source: DigestError,
    },

    /// The digest that an earlier call pinned can prove nothing here, as it was written by a newer
    /// release: upgrade this program, or give the expected digest in an algorithm it knows.
    #[error(
        "entry {id:?} is pinned to a digest that this program cannot compute; upgrade it, or give a sha256 digest with the call"
    )]
    PinnedDigestUnusable {
        /// The entry.
        id: String,
        /// What is wrong with it.
        source: DigestError,
    },

    /// The bytes are not the expected ones: restore the file, or give its new digest if it was
    /// replaced on purpose.
    #[error("{path} is not what {id:?} should be: expected {expected}, got {actual}; restore it, or give its new digest if it was replaced on purpose", path = path.display())]
    DigestMismatch {
        /// The model.
        id: String,
        /// Its file or folder.
        path: PathBuf,
        /// What was given with the call, or pinned by an earlier one.
        expected: Box<Digest>,
        /// What the bytes are.
        actual: Box<Digest>,
    },
}

impl ProvisionError {
    /// A stable, lower-case name of the variant, or that of the [`CatalogError`] behind it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Catalog(error) => error.code(),
            Self::InvalidExpectedDigest { .. } => "invalid_expected_digest",
            Self::PinnedDigestUnusable { .. } => "pinned_digest_unusable",
            Self::DigestMismatch { .. } => "digest_mismatch",
        }
    }

    /// Whether trying again may succeed with nothing mended by hand.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Catalog(error) => error.is_retryable(),
            Self::InvalidExpectedDigest { .. }
            | Self::PinnedDigestUnusable { .. }
            | Self::DigestMismatch { .. } => false,
        }
    }
}
