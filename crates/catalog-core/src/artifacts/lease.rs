use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{CatalogError, Result};
use crate::progress::Limits;
use crate::root::{FileLock, FileStamp, LockMode, Locking, is_absence, is_at, open_to_lock, poll};

/// Protects an artifact from removal as long as it is held and its process lives.
///
/// It is a shared lock of the kernel on one file: any number of processes can hold one, and a kill
/// frees it. Deletions and collections leave a leased artifact alone. A model outside of the root
/// needs no lock, as nothing there is ever removed.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    _lock: Option<FileLock>,
}

impl Lease {
    /// Returns the path that it protects.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn new(path: PathBuf, lock: Option<FileLock>) -> Self {
        Self { path, _lock: lock }
    }
}

/// The result of an attempt to take the lock of the leases of an artifact.
#[derive(Debug)]
pub(crate) enum LeaseLock {
    Held(FileLock),
    /// Others hold the lock, in a mode that excludes this one.
    Taken,
    /// Nothing is at the path any more.
    Gone,
}

/// Tries to lock the file of the store at a path, and checks that the locked file still is at that
/// path.
pub(crate) fn try_lock(path: &Path, mode: LockMode, locking: Locking) -> Result<LeaseLock> {
    loop {
        let Some(file) = open_to_lock(path)? else {
            return Ok(LeaseLock::Gone);
        };
        match FileLock::try_acquire(file, path, mode, locking)? {
            Err(_) => return Ok(LeaseLock::Taken),
            Ok(lock) if is_at(lock.file(), path)? => return Ok(LeaseLock::Held(lock)),
            // It was removed or replaced while this waited for the lock: look again.
            Ok(_) => {}
        }
    }
}

/// Takes a lease on the file of the store at a path. A process that excludes leases does so only to
/// look, or to remove it: this waits for the end of that.
pub(super) fn wait_for_lease(
    path: &Path,
    locking: Locking,
    limits: &Limits,
    patience: Duration,
) -> Result<LeaseLock> {
    let outcome = poll(limits, patience, || {
        Ok(match try_lock(path, LockMode::Shared, locking)? {
            LeaseLock::Taken => None,
            outcome => Some(outcome),
        })
    });
    Ok(outcome?.unwrap_or(LeaseLock::Taken))
}

/// Tries to lock a file or folder that an entry names below the root and the store did not make.
pub(crate) fn try_lock_unmanaged(
    path: &Path,
    mode: LockMode,
    locking: Locking,
) -> Result<LeaseLock> {
    loop {
        let found = match fs::metadata(path) {
            Ok(found) => found,
            Err(error) if is_absence(&error) => return Ok(LeaseLock::Gone),
            Err(error) => return Err(CatalogError::io("look at", path, error)),
        };
        // Opening a pipe waits for its other end; nobody uses one as a model.
        if !found.is_file() && !found.is_dir() {
            return Ok(LeaseLock::Gone);
        }
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if is_absence(&error) => return Ok(LeaseLock::Gone),
            Err(error) => return Err(CatalogError::io("open", path, error)),
        };
        let lock = match FileLock::try_acquire(file, path, mode, locking)? {
            Ok(lock) => lock,
            Err(_) => return Ok(LeaseLock::Taken),
        };
        let stamp = |metadata: io::Result<fs::Metadata>| metadata.ok().map(|m| FileStamp::of(&m));
        match (stamp(lock.file().metadata()), stamp(fs::metadata(path))) {
            (Some(locked), Some(now)) if locked.is_same_file(&now) => {
                return Ok(LeaseLock::Held(lock));
            }
            // It was replaced meanwhile: look again.
            _ => {}
        }
    }
}
