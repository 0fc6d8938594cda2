//! What the error of a call means: for what it does next, and for those who wait for it.

use catalog_core::{CatalogError, FetchProblem};

use crate::error::ProvisionError;
use crate::means::Step;

/// Whether whoever asks for the same would fail in the same way: not by its caller's wish, or for
/// want of what this process has not, such as a token or a command.
pub(super) fn is_everybodys(error: &ProvisionError) -> bool {
    use FetchProblem::{NoSpace, Refused, Unreachable};
    match error {
        ProvisionError::DigestMismatch { .. } => true,
        ProvisionError::Catalog(CatalogError::Fetch { problem, .. }) => {
            matches!(problem, NoSpace | Refused | Unreachable)
        }
        ProvisionError::Catalog(error) => matches!(
            error,
            CatalogError::DigestMismatch { .. }
                | CatalogError::FormatRefused { .. }
                | CatalogError::ArtifactIncomplete { .. }
                | CatalogError::ForeignShards { .. }
                | CatalogError::NameRefused { .. }
                | CatalogError::NoSpace { .. }
        ),
        _ => false,
    }
}

/// Whether an error says that something is not, or not any more, where it should be.
pub(super) fn is_absence(error: &CatalogError) -> bool {
    match error {
        CatalogError::NotFound { .. }
        | CatalogError::ArtifactMissing { .. }
        | CatalogError::ArtifactUnusable { .. }
        | CatalogError::ArtifactIncomplete { .. }
        | CatalogError::ArtifactChanged { .. }
        | CatalogError::StoreDamaged { .. } => true,
        CatalogError::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Whether an error may come of somebody changing the entry or its files meanwhile.
pub(super) fn may_be_stale(error: &ProvisionError) -> bool {
    match error {
        ProvisionError::Unsound { .. } => true,
        ProvisionError::Catalog(error) => is_absence(error),
        _ => false,
    }
}

/// Whether an error says that the bytes which are here are not the right ones, or not all there; of
/// a repair, that its source does not have them any more.
pub(super) fn is_of_the_bytes(error: &ProvisionError, step: Step) -> bool {
    use ProvisionError::{Catalog, DigestMismatch, Unsound};
    match error {
        DigestMismatch { .. } | Unsound { .. } => true,
        Catalog(CatalogError::Fetch { problem, .. }) => {
            let is_gone = matches!(
                problem,
                FetchProblem::FileNotFound | FetchProblem::RevisionNotFound
            );
            step == Step::Repair && is_gone
        }
        Catalog(error) => matches!(
            error,
            CatalogError::ArtifactMissing { .. }
                | CatalogError::ArtifactIncomplete { .. }
                | CatalogError::ForeignShards { .. }
                | CatalogError::DigestMismatch { .. }
                | CatalogError::StoreDamaged { .. }
        ),
        _ => false,
    }
}

pub(super) fn with_causes(error: &ProvisionError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
