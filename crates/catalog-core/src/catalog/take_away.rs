use std::path::Path;

use super::host::Host;
use super::reclaim::PlacesInUse;
use crate::artifacts::Detached;
use crate::disk::{FileLock, Layout, remove_artifact};
use crate::error::{CatalogError, Result};

/// The artifact of a deleted entry that is to be removed.
#[derive(Debug)]
pub(crate) enum Reclaimed {
    /// It stays: it lies outside of the root, or another entry uses it.
    Kept,
    /// It was the user's own below the root, and is gone.
    Gone,
    /// It was managed, and is out of its place; its space is still to be freed.
    Detached(Detached),
}

impl Host {
    /// Removes the artifact of a deleted entry, if it lies below the root and no other entry has a
    /// part in it.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ArtifactKept`] if it should be gone but is not.
    pub(crate) fn reclaim(&self, id: &str, stored: &str) -> Result<()> {
        let done = self
            .exclude_leases(stored)
            .and_then(|excluded| self.take_away(stored, excluded, &self.places_in_use()?))
            .and_then(|reclaimed| match reclaimed {
                Reclaimed::Detached(detached) => self.artifacts.remove(detached).map(drop),
                Reclaimed::Kept | Reclaimed::Gone => Ok(()),
            });
        done.map_err(|error| CatalogError::ArtifactKept {
            id: id.to_owned(),
            path: self.root.absolute(Path::new(stored)),
            source: Box::new(error),
        })
    }

    /// What the entries of either index need of the disk.
    pub(crate) fn places_in_use(&self) -> Result<PlacesInUse> {
        PlacesInUse::of(&self.root, self.artifacts_in_use())
    }

    /// [`reclaim`](Self::reclaim) without freeing the space of a managed one. The caller has
    /// excluded leases on it, and gathered `places` since the entry is gone.
    pub(crate) fn take_away(
        &self,
        stored: &str,
        excluded: Option<FileLock>,
        places: &PlacesInUse,
    ) -> Result<Reclaimed> {
        let stored = Path::new(stored);
        if stored.is_absolute() {
            return Ok(Reclaimed::Kept);
        }
        let key = Layout::key_of(stored);
        let path = match key {
            Some(key) => self.root.layout().artifact(key).path().to_path_buf(),
            None => self.root.absolute(stored),
        };
        let Some(path) = places.removable(&self.root, &path)? else {
            return Ok(Reclaimed::Kept);
        };
        match key {
            None => remove_artifact(&path).map(|()| Reclaimed::Gone),
            Some(key) => {
                let lock = self.artifacts.lock()?;
                let detached = self.artifacts.detach(&lock, key, excluded);
                lock.release();
                Ok(detached?.map_or(Reclaimed::Gone, Reclaimed::Detached))
            }
        }
    }
}
