use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::manifest::Manifest;
use super::space::space_of;
use super::store::ArtifactStore;
use crate::error::{CatalogError, Result};
use crate::root::{WriterLock, check_own_folder};

/// The number of artifacts or blobs that one call removes before it releases the lock for other
/// writers.
pub(crate) const BATCH: usize = 64;

impl ArtifactStore {
    /// Returns the blobs that an artifact uses, by its manifest. The list is empty if the manifest
    /// is damaged. A collection finds the blobs of such an artifact.
    pub(crate) fn blobs_of(&self, key: &str) -> Vec<String> {
        match Manifest::read(&self.layout().artifact(key)) {
            Ok(Some(manifest)) => {
                let files = manifest.files.into_iter();
                files.map(|file| file.digest.value).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Removes those of the given blobs that are no longer used. Returns the number of freed bytes,
    /// and the blobs that could not be removed.
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

    /// Removes a blob that no artifact uses, and returns the number of freed bytes. Returns `None`
    /// if the blob is in use or does not exist.
    pub(crate) fn remove_blob(&self, _: &WriterLock, hex: &str) -> Result<Option<u64>> {
        let path = self.layout().blob(hex);
        check_own_folder(path.parent().expect("a blob lies in a folder"))?;
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CatalogError::io("look at", path, error)),
        };
        // Each artifact that uses the blob has another link to it.
        if metadata.nlink() > 1 || !metadata.is_file() {
            return Ok(None);
        }
        fs::remove_file(&path).map_err(|error| CatalogError::io("remove", path, error))?;
        Ok(Some(space_of(&metadata)))
    }
}
