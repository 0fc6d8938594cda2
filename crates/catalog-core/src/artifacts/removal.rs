use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::manifest::Manifest;
use super::space::space_of;
use super::store::ArtifactStore;
use crate::error::{CatalogError, Result};
use crate::root::{WriterLock, check_own_folder};

/// The number of artifacts or blobs that are removed before other writers get the lock.
pub(crate) const BATCH: usize = 64;

impl ArtifactStore {
    /// Returns the blobs that an artifact uses, by its manifest. Those of a damaged one are not
    /// known: a collection finds them.
    pub(crate) fn blobs_of(&self, key: &str) -> Vec<String> {
        match Manifest::read(&self.layout().artifact(key)) {
            Ok(Some(manifest)) => {
                let files = manifest.files.into_iter();
                files.map(|file| file.digest.value).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Removes the given blobs that nothing uses any more. Returns the number of bytes that this freed, and
    /// the blobs that could not be removed.
    pub(crate) fn remove_blobs(
        &self,
        blobs: &[String],
    ) -> Result<(u64, Vec<(PathBuf, CatalogError)>)> {
        let (mut freed, mut failed) = (0, Vec::new());
        for some in blobs.chunks(BATCH) {
            let lock = self.lock()?;
            for hex in some {
                match self.remove_blob(&lock, hex) {
                    Ok(space) => freed += space.unwrap_or(0),
                    Err(error) => failed.push((self.layout().blob(hex), error)),
                }
            }
            drop(lock);
        }
        Ok((freed, failed))
    }

    /// Removes a blob that no artifact uses, and returns the number of bytes that this freed.
    /// Returns `None` if it is used or not there.
    pub(crate) fn remove_blob(&self, _: &WriterLock, hex: &str) -> Result<Option<u64>> {
        let path = self.layout().blob(hex);
        check_own_folder(path.parent().expect("a blob lies in a folder"))?;
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CatalogError::io("look at", path, error)),
        };
        // Each artifact that uses it has a name for it.
        if metadata.nlink() > 1 || !metadata.is_file() {
            return Ok(None);
        }
        fs::remove_file(&path).map_err(|error| CatalogError::io("remove", path, error))?;
        Ok(Some(space_of(&metadata)))
    }
}
