use std::path::Path;
use std::time::Duration;

use super::root_state::RootState;
use crate::artifacts::{Lease, LeaseLock, try_lock, try_lock_unmanaged};
use crate::error::{CatalogError, Result};
use crate::progress::Limits;
use crate::root::{FileLock, Layout, LockMode, is_on_disk, poll};

/// The time to wait for another process that holds the lock only to check for leases. Such a check
/// takes less time.
const PROBE: Duration = Duration::from_millis(20);

/// Takes a lease on the artifact of a model.
pub(crate) fn lease(state: &RootState, id: &str) -> Result<Lease> {
    let patience = state.artifacts.lock_wait();
    match poll(&state.limits, patience, || try_lease(state, id))? {
        Some(lease) => Ok(lease),
        None => Err(CatalogError::InUse {
            path: state.root.absolute(Path::new(&stored_path_of(state, id)?)),
        }),
    }
}

/// Tries to take a lease. Returns `None` if another process holds the lock to check for leases, or
/// if the entry changes during the call.
///
/// A deletion changes the index before it takes the lock. So this call takes the lock first, at the
/// path that this process read last, and then reads the index again to check the path.
fn try_lease(state: &RootState, id: &str) -> Result<Option<Lease>> {
    let seen = state.models.latest();
    let seen = seen.as_ref().and_then(|snapshot| snapshot.get(id));
    let stored = match seen {
        Some(record) => record.local_path.clone(),
        None => stored_path_of(state, id)?,
    };
    let path = state.root.absolute(Path::new(&stored));
    let lock = try_lock_artifact(state, Path::new(&stored), LockMode::Shared);
    if stored_path_of(state, id)? != stored {
        return Ok(None);
    }
    match lock? {
        Some(LeaseLock::Held(lock)) => {
            if let Some(key) = Layout::key_of(Path::new(&stored)) {
                state.artifacts.note_use(key);
            }
            Ok(Some(Lease::new(path, Some(lock))))
        }
        None if is_on_disk(&path)? => Ok(Some(Lease::new(path, None))),
        None | Some(LeaseLock::Gone) => Err(CatalogError::ArtifactMissing { path }),
        Some(LeaseLock::Taken) => Ok(None),
    }
}

fn stored_path_of(state: &RootState, id: &str) -> Result<String> {
    let snapshot = state.models.snapshot()?;
    let record = snapshot.get(id).ok_or_else(|| state.no_such_model(id))?;
    Ok(record.local_path.clone())
}

/// Tries to take the lock for leases on an artifact. Returns `None` for an artifact outside the
/// root.
fn try_lock_artifact(
    state: &RootState,
    stored: &Path,
    mode: LockMode,
) -> Result<Option<LeaseLock>> {
    let locking = state.artifacts.locking();
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

/// Prevents leases on an artifact for as long as the returned lock is held.
///
/// # Errors
///
/// [`CatalogError::InUse`] if a process holds a lease.
pub(crate) fn exclude_leases(state: &RootState, stored: &Path) -> Result<Option<FileLock>> {
    let excluded = poll(&Limits::none(), PROBE, || {
        let lock = try_lock_artifact(state, stored, LockMode::Exclusive)?;
        Ok(match lock {
            Some(LeaseLock::Held(lock)) => Some(Some(lock)),
            None | Some(LeaseLock::Gone) => Some(None),
            Some(LeaseLock::Taken) => None,
        })
    });
    excluded?.ok_or_else(|| CatalogError::InUse {
        path: state.root.absolute(stored),
    })
}
