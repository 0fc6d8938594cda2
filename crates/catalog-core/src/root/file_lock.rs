use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::file_system::file_system_of;
use super::layout::Layout;
use super::modes::create_file;
use super::resolve::is_absence;
use crate::error::{CatalogError, Result};

/// The mechanism that keeps other users of a root out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Locking {
    /// Locks of the kernel, which exclude other processes. Writes are refused if the file system of
    /// the root has no locks.
    #[default]
    Kernel,
    /// Locks within this process only. The caller guarantees that no other process uses the root.
    SingleProcess,
}

/// The mode of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockMode {
    /// Other holders may have the lock in shared mode at the same time.
    Shared,
    /// There is no other holder.
    Exclusive,
}

/// An advisory lock on an open file. It is held until it is dropped or the process dies.
#[derive(Debug)]
pub(crate) struct FileLock {
    file: File,
    /// The path under which this process holds the lock in memory, if the kernel does not hold it.
    in_process: Option<PathBuf>,
    mode: LockMode,
}

/// The held locks of [`Locking::SingleProcess`], by path. The value is the number of shared
/// holders, or `usize::MAX` for an exclusive holder.
static IN_PROCESS: Mutex<BTreeMap<PathBuf, usize>> = Mutex::new(BTreeMap::new());

impl FileLock {
    /// Takes the lock of the open file at `path`. Gives the file back if another holder has the
    /// lock.
    pub(crate) fn try_acquire(
        file: File,
        path: &Path,
        mode: LockMode,
        locking: Locking,
    ) -> Result<Result<Self, File>> {
        let in_process = match locking {
            Locking::Kernel => {
                let tried = match mode {
                    LockMode::Shared => file.try_lock_shared(),
                    LockMode::Exclusive => file.try_lock(),
                };
                match tried {
                    Ok(()) => None,
                    Err(TryLockError::WouldBlock) => return Ok(Err(file)),
                    Err(TryLockError::Error(error)) => return Err(lock_failed(path, error)),
                }
            }
            Locking::SingleProcess if try_in_process(path, mode) => Some(path.to_path_buf()),
            Locking::SingleProcess => return Ok(Err(file)),
        };
        Ok(Ok(Self {
            file,
            in_process,
            mode,
        }))
    }

    /// Replaces the file of an exclusive lock if the file has a second name, as a backup by hard
    /// links creates it. A write to the file would change the backup, too. Processes that wait for
    /// the old file notice that another file is at the path.
    pub(crate) fn make_file_unshared(&mut self, layout: &Layout, path: &Path) -> Result<()> {
        let failed = |error| CatalogError::io("replace", path, error);
        if self.file.metadata().map_err(failed)?.nlink() <= 1 {
            return Ok(());
        }
        let file = loop {
            let new = layout.unique_new();
            let file = create_file(layout, &new).map_err(failed)?;
            if self.in_process.is_none() {
                // No other process knows the new file yet.
                file.lock().map_err(failed)?;
            }
            match fs::rename(&new, path) {
                // A writer removed the new file as the leftover of a dead process. Try again.
                Err(error) if is_absence(&error) && path.exists() => {}
                renamed => break renamed.map(|()| file).map_err(failed)?,
            }
        };
        let old = std::mem::replace(&mut self.file, file);
        old.unlock().map_err(failed)
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn file_mut(&mut self) -> &mut File {
        &mut self.file
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child process that has not started its program yet
        // would keep the lock.
        drop(self.file.unlock());
        if let Some(path) = &self.in_process {
            let mut held = in_process();
            match (self.mode, held.get_mut(path)) {
                (LockMode::Shared, Some(count)) if *count > 1 => *count -= 1,
                _ => drop(held.remove(path)),
            }
        }
    }
}

fn try_in_process(path: &Path, mode: LockMode) -> bool {
    let mut held = in_process();
    match (mode, held.get_mut(path)) {
        (LockMode::Shared, Some(count)) if *count < usize::MAX => *count += 1,
        (_, Some(_)) => return false,
        (LockMode::Shared, None) => drop(held.insert(path.to_path_buf(), 1)),
        (LockMode::Exclusive, None) => drop(held.insert(path.to_path_buf(), usize::MAX)),
    }
    true
}

fn in_process() -> MutexGuard<'static, BTreeMap<PathBuf, usize>> {
    IN_PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lock_failed(path: &Path, source: io::Error) -> CatalogError {
    /// `ENOLCK` on Linux, on most processors. Other errors about missing locks have the kind
    /// `Unsupported`.
    const NO_LOCKS_AVAILABLE: i32 = 37;
    let is_unsupported = source.kind() == io::ErrorKind::Unsupported
        || source.raw_os_error() == Some(NO_LOCKS_AVAILABLE);
    if !is_unsupported {
        return CatalogError::io("lock", path, source);
    }
    CatalogError::LocksUnsupported {
        path: path.to_path_buf(),
        file_system: file_system_of(path).unwrap_or_else(|| "unknown kind".to_owned()),
        source,
    }
}
