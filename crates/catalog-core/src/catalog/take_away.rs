use std::path::Path;

use super::host::Host;
use super::reclaim::PlacesInUse;
use crate::artifacts::Detached;
use crate::disk::{FileLock, Layout, remove_artifact};
use crate::error::{CatalogError, Result};

/// What became of artifacts that no entry names any more.
#[derive(Debug, Default)]
pub(crate) struct TakenAway {
    /// Whether each is gone: if not, it lies outside of the root or another entry uses it.
    pub(crate) are_gone: Vec<Result<bool>>,
    /// The managed ones, whose space is still to be freed.
    pub(crate) detached: Option<Detached>,
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
            .and_then(|excluded| self.take_away(vec![(stored.to_owned(), excluded)]))
            .and_then(|taken| {
                if let Some(detached) = taken.detached {
                    self.artifacts.remove(detached)?;
                }
                taken
                    .are_gone
                    .into_iter()
                    .try_for_each(|gone| gone.map(drop))
            });
        done.map_err(|error| CatalogError::ArtifactKept {
            id: id.to_owned(),
            path: self.root.absolute(Path::new(stored)),
            source: Box::new(error),
        })
    }

    /// Takes artifacts away from their stored paths, as long as no entry has a part in them. With
    /// each comes the lock that keeps leases away from it.
    pub(crate) fn take_away(
        &self,
        artifacts: Vec<(String, Option<FileLock>)>,
    ) -> Result<TakenAway> {
        let places = PlacesInUse::of(&self.root, self.artifacts_in_use())?;
        let mut are_gone = Vec::with_capacity(artifacts.len());
        let mut managed = Vec::new();
        for (stored, excluded) in artifacts {
            let is_gone = match Layout::key_of(Path::new(&stored)) {
                Some(key) => {
                    let is_free = places.is_free(self.root.layout().artifact(key).path());
                    if is_free {
                        managed.push((key.to_owned(), excluded));
                    }
                    Ok(is_free)
                }
                None if Path::new(&stored).is_absolute() => Ok(false),
                None => {
                    let path = self.root.absolute(Path::new(&stored));
                    match places.removable(&self.root, &path) {
                        Ok(Some(path)) => remove_artifact(&path).map(|()| true),
                        Ok(None) => Ok(false),
                        Err(error) => Err(error),
                    }
                }
            };
            are_gone.push(is_gone);
        }
        let detached = if managed.is_empty() {
            None
        } else {
            let lock = self.artifacts.lock()?;
            let keys = managed.iter_mut();
            let keys = keys.map(|(key, excluded)| (key.as_str(), excluded.take()));
            let detached = self.artifacts.detach(&lock, keys);
            lock.release();
            Some(detached?)
        };
        Ok(TakenAway { are_gone, detached })
    }
}
