use std::path::{Path, PathBuf};

use catalog_core::{CatalogError, Digest, ModelRef};

use crate::engine::context::CallContext;
use crate::error::ProvisionError;

/// Returns the error of staged bytes with the path at their source instead of the path in the
/// staging area, which no longer exists when the caller reads the error.
pub(super) fn at_source(ctx: &CallContext<'_>, error: CatalogError) -> ProvisionError {
    let error = match error {
        CatalogError::DigestMismatch {
            expected,
            actual,
            path,
        } => match (expected.parse(), actual.parse()) {
            (Ok(expected), Ok(actual)) => {
                return mismatch(ctx, Box::new(expected), Box::new(actual));
            }
            _ => CatalogError::DigestMismatch {
                expected,
                actual,
                path,
            },
        },
        CatalogError::FormatRefused {
            path,
            format,
            problem,
        } => CatalogError::FormatRefused {
            path: origin_of(ctx, path),
            format,
            problem,
        },
        CatalogError::ArtifactIncomplete { path, missing } => CatalogError::ArtifactIncomplete {
            path: origin_of(ctx, path),
            missing,
        },
        other => other,
    };
    error.into()
}

fn mismatch(ctx: &CallContext<'_>, expected: Box<Digest>, actual: Box<Digest>) -> ProvisionError {
    let id = ctx.id.to_string();
    match ctx.model_ref {
        ModelRef::File { path } => ProvisionError::DigestMismatch {
            id,
            path: path.clone(),
            expected,
            actual,
        },
        remote => ProvisionError::SourceMismatch {
            id,
            origin: remote.to_string(),
            expected,
            actual,
        },
    }
}

/// Returns the place at the source for a path in a staging area. Such a path ends with
/// `artifact/files` and the name of a file. Any other path is returned unchanged.
fn origin_of(ctx: &CallContext<'_>, path: PathBuf) -> PathBuf {
    let folder = Path::new("artifact/files");
    let files = path.ancestors().find(|above| above.ends_with(folder));
    match files.and_then(|files| path.strip_prefix(files).ok()) {
        Some(name) => place_at_source(ctx, name),
        None => path,
    }
}

/// Returns the place of a file of the model at its source. An empty name stands for the model
/// itself.
pub(super) fn place_at_source(ctx: &CallContext<'_>, name: &Path) -> PathBuf {
    match (ctx.model_ref, name.file_name()) {
        (ModelRef::File { path }, None) => path.clone(),
        (ModelRef::File { path }, Some(_)) if path.is_dir() => path.join(name),
        // The shards of a set lie in one folder.
        (ModelRef::File { path }, Some(name)) => path.with_file_name(name),
        (remote, _) => PathBuf::from(remote.to_string()).join(name),
    }
}
