use std::fmt;
use std::path::Path;

use crate::error::CatalogError;

/// The reason why bytes are not an index that this release can read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The bytes are damaged. The text states the problem.
    Damaged(String),
    /// A newer release wrote the bytes, with this version.
    TooNew(u64),
}

impl Unreadable {
    /// Converts the reason into the error for the index at a path. `supported` is the newest
    /// version that this release reads.
    pub(super) fn into_error(self, path: &Path, supported: u64) -> CatalogError {
        let path = path.to_path_buf();
        match self {
            Self::TooNew(found) => CatalogError::IndexTooNew {
                path,
                found,
                supported,
            },
            Self::Damaged(detail) => CatalogError::IndexDamaged {
                path,
                detail,
                repair: "stop its writers and call catalog_core::recover on the root, which keeps \
                         the damaged file and reports what it could restore; \
                         catalog_core::rebuild then registers the managed models again",
            },
        }
    }
}

pub(super) fn damaged(detail: impl fmt::Display) -> Unreadable {
    Unreadable::Damaged(detail.to_string())
}
