use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::confine::StoreRoot;
use super::folder::sync_folder;
use crate::error::{CatalogError, Result};

/// The record of an artifact that may still be on disk after its entry was deleted. A collection
/// removes the file at the path only if its inode, size and times still match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tombstone {
    /// The path relative to the root.
    path: String,
    inode: u64,
    size: u64,
    /// The time of modification, in seconds and nanoseconds since 1970.
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Tombstone {
    /// Creates the tombstone of the file at a stored path. Returns `None` if nothing is there, or
    /// if the path is outside the root.
    pub(crate) fn of(root: &StoreRoot, stored: &Path) -> Result<Option<Self>> {
        let Some(path) = stored.to_str().filter(|_| stored.is_relative()) else {
            return Ok(None);
        };
        let found = look_at(&root.absolute(stored))?;
        Ok(found.map(|metadata| Self::from_metadata(path, &metadata)))
    }

    fn from_metadata(path: &str, metadata: &fs::Metadata) -> Self {
        Self {
            path: path.to_owned(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Returns the path relative to the root.
    pub(crate) fn stored_path(&self) -> &Path {
        Path::new(&self.path)
    }

    /// Returns true if the deleted file is still at its path and unchanged.
    pub(crate) fn matches(&self, root: &StoreRoot) -> Result<bool> {
        let found = look_at(&root.absolute(self.stored_path()))?;
        Ok(found.is_some_and(|metadata| Self::from_metadata(&self.path, &metadata) == *self))
    }

    /// Drops the tombstones whose files no longer exist. This syncs the folders of the files, so
    /// that a removed file does not exist again after a power cut.
    pub(crate) fn drop_of_what_is_gone(tombstones: &mut Vec<Self>, root: &StoreRoot) {
        // All paths are checked before the first sync, so that the sync covers all removals that
        // the checks saw.
        let folders = tombstones.iter().map(|tombstone| {
            let path = root.absolute(tombstone.stored_path());
            let is_gone = matches!(look_at(&path), Ok(None));
            path.parent().filter(|_| is_gone).map(Path::to_path_buf)
        });
        let folders: Vec<Option<PathBuf>> = folders.collect();
        let distinct: BTreeSet<&PathBuf> = folders.iter().flatten().collect();
        let synced: BTreeSet<&PathBuf> = distinct.into_iter().filter(|of| is_synced(of)).collect();
        let mut folders = folders.iter();
        tombstones.retain(|_| {
            let folder = folders.next().and_then(Option::as_ref);
            folder.is_none_or(|folder| !synced.contains(folder))
        });
    }

    /// Returns true if a stored path is the path of the tombstone, is below it, or is a folder
    /// above it.
    pub(crate) fn touches(&self, stored: &Path) -> bool {
        stored.starts_with(&self.path) || Path::new(&self.path).starts_with(stored)
    }
}

/// Syncs a folder, and returns true on success. A folder that no longer exists counts as synced.
fn is_synced(folder: &Path) -> bool {
    match sync_folder(folder) {
        Ok(()) => true,
        Err(error) if super::is_absence(&error) => true,
        Err(error) => {
            tracing::debug!(folder = %folder.display(), %error, "a folder could not be synced");
            false
        }
    }
}

fn look_at(path: &Path) -> Result<Option<fs::Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if super::is_absence(&error) => Ok(None),
        Err(error) => Err(CatalogError::io("look at", path, error)),
    }
}
