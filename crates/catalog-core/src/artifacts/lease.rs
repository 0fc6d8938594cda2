use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{CatalogError, Result};
use crate::progress::Limits;
use crate::root::{FileLock, FileStamp, LockMode, Locking, is_absence, is_at, open_to_lock, poll};

/// A lease, which protects an artifact from removal while it is held and its process lives.
///
/// A lease is a shared lock of the kernel on one file. Any number of processes can hold a lease,
/// and the kernel releases the lease of a killed process. Deletions and collections do not touch an
/// artifact with a lease: [`delete`](crate::CatalogStore::delete) removes the entry and keeps the
/// files until a later collection. A model outside of the root needs no lock, because nothing outside of the
/// root is ever removed.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    _lock: Option<FileLock>,
}

impl Lease {
    /// Returns the protected path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn new(path: PathBuf, lock: Option<FileLock>) -> Self {
        Self { path, _lock: lock }
    }
}

/// The result of an attempt to take the lock that leases use.
#[derive(Debug)]
pub(crate) enum LeaseLock {
    Held(FileLock),
    /// Another process holds the lock in a mode that excludes this one.
    Taken,
    /// Nothing is at the path any longer.
    Gone,
}

/// Tries to lock the file of the store at a path. Checks that the locked file is still at the path.
pub(crate) fn try_lock(path: &Path, mode: LockMode, locking: Locking) -> Result<LeaseLock> {
    loop {
        let Some(file) = open_to_lock(path)? else {
            return Ok(LeaseLock::Gone);
        };
        match FileLock::try_acquire(file, path, mode, locking)? {
            Err(_) => return Ok(LeaseLock::Taken),
            Ok(lock) if is_at(lock.file(), path)? => return Ok(LeaseLock::Held(lock)),
            // The file was removed or replaced before it was locked. Try again.
            Ok(_) => {}
        }
    }
}

/// Takes a lease on the file of the store at a path. Another process excludes leases only for a
/// test or a removal, so this waits until that ends.
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

/// Tries to lock a file or folder below the root that an entry names and that the store did not
/// create.
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
        // Opening a pipe would wait for its other end, and a pipe is not a model.
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
            // The file was replaced in the meantime. Try again.
            _ => {}
        }
    }
}
