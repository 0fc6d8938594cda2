//! The lock that writers of a root queue on.
//!
//! There is one: `locks/index.lock`, taken exclusively by whoever writes either index of a root.
//! One for both, so that deleting a model can look at the engines that use its files without a
//! second lock, and so without an order to get wrong. Readers take none.
//!
//! It is the kernel's advisory lock on the open file (`flock` on Linux): a holder that dies
//! releases it, so nothing is ever broken by age, and the file is never deleted, so two processes
//! cannot hold locks on two files of one name. Two handles exclude each other within one process
//! too. What the holder writes into the file only serves the message of who waits.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::folder::create_own_folder;
use super::own_file::open_or_create_own_file;
use crate::error::{CatalogError, Result};

/// The first and the longest pause between two looks at a lock that is taken.
const PAUSES: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(10));

/// After this long a waiter says in the log whom it waits for.
const PATIENCE: Duration = Duration::from_secs(1);

/// An exclusive lock, held until it is dropped or the process dies.
#[derive(Debug)]
pub(crate) struct ProcessLock {
    _file: File,
}

impl ProcessLock {
    /// Waits for the lock up to `wait`; creates its file and folder as needed.
    pub(crate) fn acquire(path: &Path, wait: Duration) -> Result<Self> {
        if let Some(folder) = path.parent() {
            create_own_folder(folder)?;
        }
        let mut file = open_or_create_own_file(path, OpenOptions::new().read(true).write(true))?;
        let begin = Instant::now();
        let mut pause = PAUSES.0;
        let mut is_told = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begin.elapsed() < wait => {
                    if !is_told && begin.elapsed() > PATIENCE {
                        is_told = true;
                        let holder = read_holder(&mut file);
                        tracing::warn!(lock = %path.display(), %holder, "still waiting for a lock");
                    }
                    thread::sleep(pause.min(wait.saturating_sub(begin.elapsed())));
                    pause = (pause * 2).min(PAUSES.1);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(CatalogError::LockTimeout {
                        path: path.to_path_buf(),
                        holder: read_holder(&mut file),
                        waited: wait,
                    });
                }
                Err(TryLockError::Error(error)) => {
                    return Err(CatalogError::io("lock", path, error));
                }
            }
        }
        write_holder(&mut file).map_err(|error| CatalogError::io("write to", path, error))?;
        Ok(Self { _file: file })
    }
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let text = format!(
        "process {} since {} s after 1970\n",
        std::process::id(),
        since.as_secs()
    );
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

fn read_holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file
        .rewind()
        .and_then(|()| file.take(200).read_to_string(&mut text));
    match read {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "an unknown process".to_owned(),
    }
}
