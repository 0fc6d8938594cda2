use std::path::Path;
use std::time::{Duration, Instant};

use super::root_state::RootState;
use crate::artifacts::{Lease, LeaseLock, try_lock, try_lock_unmanaged};
use crate::error::{CatalogError, Result};
use crate::root::{FileLock, Layout, LockMode, poll};

/// Longer than anybody holds the lock of leases who only looks whether there are any.
const PROBE: Duration = Duration::from_millis(20);

/// Protects the artifact of a model from removal as long as the lease is held, or its process
/// lives. Whoever starts an engine on it holds one for as long as the engine runs. Also notes
/// that the model was used, for collections that begin with the least recently used.
///
/// # Errors
///
/// [`CatalogError::NotFound`] if there is no such entry, [`CatalogError::ArtifactMissing`] if
/// its artifact is not there, [`CatalogError::InUse`] if somebody kept leases out of it for as
/// long as a writer waits.
pub(crate) fn lease(state: &RootState, id: &str) -> Result<Lease> {
    let lease = poll(state.artifacts.deadline(), || try_lease(state, id));
    lease?.ok_or_else(|| in_use(state, id))
}

/// Takes a lease, unless somebody looks whether there is one, or the entry changes meanwhile.
fn try_lease(state: &RootState, id: &str) -> Result<Option<Lease>> {
    let stored = stored_path_of(state, id)?;
    let path = state.root.absolute(Path::new(&stored));
    let lock = try_lock_artifact(state, &stored, LockMode::Shared)?;
    // Who deletes it holds its lock, and changes the entry first.
    if stored_path_of(state, id)? != stored {
        return Ok(None);
    }
    match lock {
        Some(LeaseLock::Held(lock)) => {
            if let Some(key) = Layout::key_of(Path::new(&stored)) {
                state.artifacts.note_use(key);
            }
            Ok(Some(Lease::new(path, Some(lock))))
        }
        None if path.exists() => Ok(Some(Lease::new(path, None))),
        None | Some(LeaseLock::Gone) => Err(CatalogError::ArtifactMissing { path }),
        Some(LeaseLock::Taken) => Ok(None),
    }
}

fn in_use(state: &RootState, id: &str) -> CatalogError {
    match stored_path_of(state, id) {
        Ok(stored) => CatalogError::InUse {
            path: state.root.absolute(Path::new(&stored)),
        },
        Err(error) => error,
    }
}

fn stored_path_of(state: &RootState, id: &str) -> Result<String> {
    let snapshot = state.models.snapshot()?;
    let record = snapshot.get(id).ok_or_else(|| state.no_such_model(id))?;
    Ok(record.local_path.clone())
}

/// Tries to lock what leases of an artifact are taken on; none for one outside of the root.
fn try_lock_artifact(state: &RootState, stored: &str, mode: LockMode) -> Result<Option<LeaseLock>> {
    let stored = Path::new(stored);
    let locking = state.artifacts.locking;
    match Layout::key_of(stored) {
        Some(key) => {
            let manifest = state.root.layout().artifact(key).manifest();
            try_lock(&manifest, mode, locking).map(Some)
        }
        None if stored.is_absolute() => Ok(None),
        None => {
            let path = state.root.absolute(stored);
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
pub(crate) fn exclude_leases(state: &RootState, stored: &str) -> Result<Option<FileLock>> {
    let excluded = poll(Instant::now() + PROBE, || {
        Ok(
            match try_lock_artifact(state, stored, LockMode::Exclusive)? {
                Some(LeaseLock::Held(lock)) => Some(Some(lock)),
                None | Some(LeaseLock::Gone) => Some(None),
                Some(LeaseLock::Taken) => None,
            },
        )
    });
    excluded?.ok_or_else(|| CatalogError::InUse {
        path: state.root.absolute(Path::new(stored)),
    })
}
