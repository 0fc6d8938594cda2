use std::path::Path;

use catalog_core::{HashProgress, VerificationOutcome};

/// One thing that happened to the model `id`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Event<'e> {
    /// The fetcher is asked to make it present.
    Fetching {
        /// The model.
        id: &'e str,
    },
    /// Its bytes are being hashed; about once a mebibyte.
    Verifying {
        /// The model.
        id: &'e str,
        /// How far it is.
        progress: HashProgress,
    },
    /// The verification ended, with Pass or with Warn.
    Verified {
        /// The model.
        id: &'e str,
        /// Where it lies.
        path: &'e Path,
        /// How it ended.
        outcome: &'e VerificationOutcome,
    },
    /// The catalog was changed.
    Registered {
        /// The model.
        id: &'e str,
    },
}
