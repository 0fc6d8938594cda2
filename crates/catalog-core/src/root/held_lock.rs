use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::file_lock::FileLock;
use super::own_file::is_at;
use crate::error::Result;

/// The time for which the threads of a process pass a lock to each other before they check whether
/// other processes wait for it.
const TENURE: Duration = Duration::from_millis(10);

/// A lock that this process holds for one of its threads.
#[derive(Debug)]
pub(super) struct HeldLock {
    lock: FileLock,
    path: PathBuf,
    waiting: PathBuf,
    /// Whether the file of the lock has no other name. Only such a file is written.
    has_own_file: bool,
    /// The time at which this process took the lock, or last checked for waiting processes.
    since: Instant,
}

impl HeldLock {
    /// Creates the held lock. The processes that wait for the lock hold a shared lock on the file
    /// at `waiting`.
    pub(super) fn new(lock: FileLock, path: PathBuf, waiting: PathBuf, has_own_file: bool) -> Self {
        Self {
            lock,
            path,
            waiting,
            has_own_file,
            since: Instant::now(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns true unless the file of the lock was removed or replaced.
    pub(super) fn is_at_its_path(&self) -> Result<bool> {
        is_at(self.lock.file(), &self.path)
    }

    /// Returns true if the threads of this process may pass the lock on without checking for other
    /// processes.
    pub(super) fn is_fresh(&self) -> bool {
        self.since.elapsed() < TENURE
    }

    /// Returns true if other processes wait for the lock. Otherwise the threads of this process may
    /// pass the lock on for another while.
    pub(super) fn are_others_waiting(&mut self) -> bool {
        self.since = Instant::now();
        File::open(&self.waiting)
            .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        if self.has_own_file {
            // If this fails, waiting processes read the name of a holder that no longer holds the
            // lock.
            drop(self.lock.file().set_len(0));
        }
    }
}
