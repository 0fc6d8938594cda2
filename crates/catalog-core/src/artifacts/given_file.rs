use std::fs::{self, Metadata};
use std::path::Path;

use crate::error::{CatalogError, Result};
use crate::root::{FileStamp, FoundFile, is_absence};

/// Returns the metadata of a path that a user gave. Follows links.
pub(super) fn look_at(path: &Path) -> Result<Metadata> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata),
        Err(error) if is_absence(&error) => Err(absent(path)),
        Err(error) => Err(CatalogError::io("look at", path, error)),
    }
}

/// Returns the regular file at a path under the given name. Refuses other kinds of files.
pub(super) fn regular_file(path: &Path, name: &str, metadata: &Metadata) -> Result<FoundFile> {
    if !metadata.is_file() {
        let found = match metadata.is_dir() {
            true => "a folder",
            false => "a socket, pipe or device",
        };
        return Err(unusable(path, found));
    }
    Ok(FoundFile {
        name: name.to_owned(),
        path: path.to_path_buf(),
        stamp: FileStamp::of(metadata),
    })
}

fn absent(path: &Path) -> CatalogError {
    match fs::symlink_metadata(path) {
        Ok(_) => unusable(path, "a symbolic link that leads nowhere"),
        Err(_) => CatalogError::ArtifactMissing {
            path: path.to_path_buf(),
        },
    }
}

pub(super) fn unusable(path: &Path, found: &'static str) -> CatalogError {
    CatalogError::ArtifactUnusable {
        path: path.to_path_buf(),
        found,
    }
}
