use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use super::claim::make_claimed_folder;
use super::manifest::Manifest;
use super::space::space_of;
use super::store::ArtifactStore;
use crate::error::{CatalogError, Result};
use crate::root::{
    FileLock, StagingFolder, WriterLock, check_own_folder, remove_artifact, sync_folder,
};

/// Artifacts that are out of their places, durably, and only take space any more.
#[derive(Debug)]
#[must_use = "their space is freed by `remove`"]
pub(crate) struct PendingRemoval {
    folder: StagingFolder,
    /// The blobs that they used.
    blobs: Vec<String>,
    /// Keeps collections away from them.
    _claim: FileLock,
}

impl ArtifactStore {
    /// Takes artifacts out of their places, each by one rename; one that is not there is nothing to
    /// do. With each key comes the lock that keeps others from taking a lease on it.
    pub(crate) fn detach<'k>(
        &self,
        lock: &WriterLock,
        keys: impl IntoIterator<Item = (&'k str, Option<FileLock>)>,
    ) -> Result<PendingRemoval> {
        let (folder, claim) = make_claimed_folder(self, lock, "")?;
        let mut blobs = Vec::new();
        for (number, (key, excluded)) in keys.into_iter().enumerate() {
            let artifact = self.layout().artifact(key);
            // Of a damaged one the blobs are not known; collection finds them.
            if let Ok(Some(manifest)) = Manifest::read(&artifact) {
                let digests = manifest.files.into_iter().map(|file| file.digest.value);
                blobs.extend(digests);
            }
            match fs::rename(artifact.path(), folder.removed(number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(CatalogError::io("remove", artifact.path(), error));
                }
                _ => drop(excluded),
            }
        }
        let artifacts = self.layout().artifacts();
        sync_folder(&artifacts)
            .map_err(|error| CatalogError::io("sync folder", &artifacts, error))?;
        Ok(PendingRemoval {
            folder,
            blobs,
            _claim: claim,
        })
    }

    /// Removes what is detached, and the blobs that nothing else uses. Tells how many bytes that
    /// freed. Takes the lock for the blobs only.
    pub(crate) fn remove(&self, detached: PendingRemoval) -> Result<u64> {
        remove_artifact(detached.folder.path())?;
        let mut freed = 0;
        for some in detached.blobs.chunks(BATCH) {
            let lock = self.lock()?;
            for hex in some {
                freed += self.remove_blob(&lock, hex)?.unwrap_or(0);
            }
            lock.release();
        }
        Ok(freed)
    }

    /// Removes a blob that no artifact uses, and tells how many bytes that freed; nothing if it is
    /// used or not there.
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

/// How many blobs are removed before others get the lock.
pub(crate) const BATCH: usize = 64;
