use std::path::Path;
use std::time::{Duration, Instant};

use super::fs_catalog::FsCatalog;
use super::host::Host;
use crate::artifacts::{Lease, LeaseLock, try_lock, try_lock_unmanaged};
use crate::disk::{FileLock, Layout, LockMode, poll};
use crate::error::{CatalogError, Result};

/// Longer than anybody holds the lock of leases who only looks whether there are any.
const PROBE: Duration = Duration::from_millis(20);

impl FsCatalog {
    /// Protects the artifact of a model from removal as long as the lease is held, or its process
    /// lives. Whoever starts an engine on it holds one for as long as the engine runs. Also notes
    /// that the model was used, for collections that begin with the least recently used.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NotFound`] if there is no such entry, [`CatalogError::ArtifactMissing`] if
    /// its artifact is not there, [`CatalogError::InUse`] if somebody kept leases out of it for as
    /// long as a writer waits.
    pub fn lease(&self, id: &str) -> Result<Lease> {
        let lease = poll(self.host.artifacts.deadline(), || self.try_lease(id));
        lease?.ok_or_else(|| self.in_use(id))
    }

    /// Takes a lease, unless somebody looks whether there is one, or the entry changes meanwhile.
    fn try_lease(&self, id: &str) -> Result<Option<Lease>> {
        let stored = self.host.stored_path_of(id)?;
        let path = self.host.root.absolute(Path::new(&stored));
        let lock = self.host.try_lock_artifact(&stored, LockMode::Shared)?;
        // Who deletes it holds its lock, and changes the entry first.
        if self.host.stored_path_of(id)? != stored {
            return Ok(None);
        }
        match lock {
            Some(LeaseLock::Held(lock)) => {
                if let Some(key) = Layout::key_of(Path::new(&stored)) {
                    self.host.artifacts.note_use(key);
                }
                Ok(Some(Lease::new(path, Some(lock))))
            }
            None if path.exists() => Ok(Some(Lease::new(path, None))),
            None | Some(LeaseLock::Gone) => Err(CatalogError::ArtifactMissing { path }),
            Some(LeaseLock::Taken) => Ok(None),
        }
    }

    fn in_use(&self, id: &str) -> CatalogError {
        match self.host.stored_path_of(id) {
            Ok(stored) => CatalogError::InUse {
                path: self.host.root.absolute(Path::new(&stored)),
            },
            Err(error) => error,
        }
    }
}

impl Host {
    fn stored_path_of(&self, id: &str) -> Result<String> {
        let snapshot = self.models.snapshot()?;
        let record = snapshot.get(id).ok_or_else(|| self.no_such_model(id))?;
        Ok(record.local_path.clone())
    }

    /// Tries to lock what leases of an artifact are taken on; none for one outside of the root.
    fn try_lock_artifact(&self, stored: &str, mode: LockMode) -> Result<Option<LeaseLock>> {
        let stored = Path::new(stored);
        let locking = self.artifacts.locking;
        match Layout::key_of(stored) {
            Some(key) => {
                let manifest = self.root.layout().artifact(key).manifest();
                try_lock(&manifest, mode, locking).map(Some)
            }
            None if stored.is_absolute() => Ok(None),
            None => {
                let path = self.root.absolute(stored);
                try_lock_unmanaged(&path, mode, locking).map(Some)
            }
        }
    }

    /// Sees to it that nobody has or takes a lease on an artifact as long as what this returns is
    /// held.
    ///
    /// # Errors
    ///
    /// [`CatalogError::InUse`] if somebody has one.
    pub(crate) fn exclude_leases(&self, stored: &str) -> Result<Option<FileLock>> {
        let excluded = poll(Instant::now() + PROBE, || {
            Ok(match self.try_lock_artifact(stored, LockMode::Exclusive)? {
                Some(LeaseLock::Held(lock)) => Some(Some(lock)),
                None | Some(LeaseLock::Gone) => Some(None),
                Some(LeaseLock::Taken) => None,
            })
        });
        excluded?.ok_or_else(|| CatalogError::InUse {
            path: self.root.absolute(Path::new(stored)),
        })
    }
}
