use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::file_lock::FileLock;
use super::own_file::is_at;
use crate::error::Result;

/// The time for which the threads of a process hand a lock over to each other before they look whether
/// other processes wait for it.
const TENURE: Duration = Duration::from_millis(10);

/// A lock that this process holds, whichever of its threads uses it.
#[derive(Debug)]
pub(super) struct HeldLock {
    lock: FileLock,
    path: PathBuf,
    waiting: PathBuf,
    /// Whether its file has no other name: no other file is written to.
    has_own_file: bool,
    /// The time since when no other process was seen to wait for it.
    since: Instant,
}

impl HeldLock {
    /// `waiting` is the path of the file on which those who wait for the lock hold a shared lock.
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

    /// Returns true unless somebody removed or replaced the file of the lock.
    pub(super) fn is_at_its_path(&self) -> Result<bool> {
        is_at(self.lock.file(), &self.path)
    }

    /// Returns true if the threads of this process may hand the lock over without a look at other
    /// processes.
    pub(super) fn is_fresh(&self) -> bool {
        self.since.elapsed() < TENURE
    }

    /// Returns true if other processes wait for the lock. If no process waits, this process may
    /// hand the lock over for another while.
    pub(super) fn are_others_waiting(&mut self) -> bool {
        self.since = Instant::now();
        File::open(&self.waiting)
            .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        if self.has_own_file {
            // Should this fail, those who wait read of a holder that is gone.
            drop(self.lock.file().set_len(0));
        }
    }
}
