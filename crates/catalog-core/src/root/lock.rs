//! The locks of the writers of a root.
//!
//! **Locks.** Each write to an index of a root takes `locks/index.lock`. All indexes share this
//! lock, so that the deletion of a model can check the engines that use its files. Each call that
//! moves files of the artifact store, from staging to collection, takes `locks/artifacts.lock`.
//! Both locks are exclusive. Readers take no lock.
//!
//! **Order.** The index lock comes before the artifact lock. No call waits for the index lock while
//! it holds the artifact lock. Bytes are read, hashed, copied and synced without either lock. The
//! only exception is the sync of a file that shares all its extents with a blob of another account.
//!
//! **Mechanism.** A lock is the advisory lock of the kernel on the open file (`flock` on Linux).
//! The kernel releases the lock when its holder dies, so no lock is ever broken because of its age.
//! The store never deletes the file of a lock. But a holder replaces a file that has a second name,
//! such as the file of a backup by hard links. A waiter notices the replacement, and waits for the
//! lock of the new file. If another program deletes the file, the holder writes nothing more. Two
//! handles in one process exclude each other too. On a file system without such locks every write
//! is refused, unless the caller chose [`Locking::SingleProcess`]; then the handles of one process
//! exclude each other in memory.
//!
//! **Waiting.** The threads of one process form a queue for each lock (`lock_queue`), and pass the
//! lock on to each other. The first thread of the queue tries to take the lock until its deadline,
//! with growing pauses. The error of a timeout names the holder. While it waits, the thread holds a
//! shared lock on `locks/<name>.waiting`. A process checks that file when it releases the lock, and
//! every few milliseconds while its threads pass the lock on. If another process waits, this
//! process leaves the lock to others for a moment, so that no process starves another. The threads
//! that write an index do not write one by one: they share one write (`index::group_commit`).
//!
//! **After a kill.** A holder writes its process id into the file for the waiters, and empties the
//! file before it releases the lock. Both are best effort. Only a holder creates temporary files,
//! so the temporary files of a dead holder are not in use. The first write of each handle removes
//! them, and a writer replaces a temporary file that has the name it needs.
//!
//! **Other locks.** A staging area holds an exclusive lock on its claim. A lease holds a shared
//! lock on the manifest or the file of its model ([`FileLock`]). No call waits until such a lock is
//! released by its owner: a call that finds it taken leaves the artifact alone.
//! [`poll`](super::poll()) waits only for a process that tests whether such a lock is taken.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::file_lock::{FileLock, LockMode, Locking};
use super::folder::create_own_folder;
use super::held_lock::HeldLock;
use super::host_clock::now_ms;
use super::layout::{Layout, StoreLock};
use super::lock_queue::Turn;
use super::own_file::{is_at, open_or_create_own_file};
use crate::error::{CatalogError, Result};
use crate::progress::Limits;

/// The first and the longest pause between two attempts to take a lock.
const PAUSES: (Duration, Duration) = (Duration::from_micros(100), Duration::from_millis(2));

/// The time after which a waiting thread logs the holder of the lock.
const PATIENCE: Duration = Duration::from_secs(1);

/// The right to write. It is held until it is dropped or the process dies.
#[derive(Debug)]
pub(crate) struct WriterLock {
    /// The lock of this process. It is `None` only while the lock is passed on.
    held: Option<HeldLock>,
    /// The turn of this thread among the threads of its process. It is dropped last.
    turn: Turn,
}

impl WriterLock {
    /// Waits for a lock, within the limits of the call. Fails after a time of `patience` in which
    /// no thread of this process held the lock. Creates the files and the folder of the lock if
    /// they are missing.
    pub(crate) fn acquire(
        layout: &Layout,
        which: StoreLock,
        locking: Locking,
        limits: &Limits,
        patience: Duration,
    ) -> Result<Self> {
        let path = layout.lock(which);
        let turn = Turn::wait(&path, locking, limits, patience).map_err(with_holder)?;
        if let Some(held) = turn.take_handed_over()
            && held.is_at_its_path()?
        {
            return Ok(Self {
                held: Some(held),
                turn,
            });
        }
        let deadline = turn.deadline(limits, patience);
        create_own_folder(layout, &layout.locks())?;
        let mut file = open_or_create_own_file(layout, &path)?;
        let mut pause = PAUSES.0;
        let mut waiting = None;
        let mut is_told = false;
        let mut lock = loop {
            file = match FileLock::try_acquire(file, &path, LockMode::Exclusive, locking)? {
                Ok(lock) if is_at(lock.file(), &path)? => break lock,
                Ok(removed) => {
                    // The file of this lock was removed from the path. Other processes lock the new
                    // file.
                    drop(removed);
                    file = open_or_create_own_file(layout, &path)?;
                    continue;
                }
                Err(file) => file,
            };
            let now = Instant::now();
            let waited = now - turn.begin();
            if now >= deadline {
                return Err(CatalogError::LockTimeout {
                    holder: read_holder(&file),
                    path,
                    waited,
                });
            }
            limits.check("waiting for a lock")?;
            if waiting.is_none() {
                // This lock is optional. Without it, other processes overtake this waiter more
                // often.
                let file = open_or_create_own_file(layout, &layout.waiting_lock(which)).ok();
                waiting = file.filter(|file| file.try_lock_shared().is_ok());
            }
            if !is_told && waited > PATIENCE {
                is_told = true;
                let holder = read_holder(&file);
                tracing::warn!(lock = %path.display(), %holder, "still waiting for a lock");
            }
            // The kernel cannot wait for a lock with a time limit.
            thread::sleep(pause.min(deadline - now));
            pause = (pause * 2).min(PAUSES.1);
        };
        // On a full disk there may be no space for a new file. The lock works without it: waiters
        // only do not learn the name of the holder.
        let mut has_own_file = false;
        match lock.make_file_unshared(layout, &path) {
            Ok(()) => {
                has_own_file = true;
                if let Err(error) = write_holder(lock.file_mut()) {
                    tracing::debug!(
                        lock = %path.display(), %error,
                        "the holder of a lock could not be written to its file"
                    );
                }
            }
            Err(error) => {
                tracing::debug!(
                    lock = %path.display(), %error,
                    "a lock file with a second name could not be replaced"
                );
            }
        }
        let waiting = layout.waiting_lock(which);
        Ok(Self {
            held: Some(HeldLock::new(lock, path, waiting, has_own_file)),
            turn,
        })
    }

    /// Fails if the lock file was removed, because another process may hold the lock of a new file.
    pub(crate) fn check_held(&self) -> Result<()> {
        let held = self.held.as_ref().expect("it is handed over at the end");
        if held.is_at_its_path()? {
            return Ok(());
        }
        let error = io::Error::other("it was removed while it was held; nothing was written");
        Err(CatalogError::io("keep the lock", held.path(), error))
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        let Some(mut held) = self.held.take() else {
            return;
        };
        let is_handed_over = held.is_fresh() && self.turn.has_next();
        if !is_handed_over && held.are_others_waiting() {
            drop(held);
            self.turn.leave_to_others();
        } else {
            self.turn.end(held);
        }
    }
}

/// Describes this process for people and for waiting processes: its id, the time in seconds since
/// 1970, and its program.
pub(crate) fn describe_this_process() -> String {
    let program = std::env::args_os().next().unwrap_or_default();
    let program = Path::new(&program).file_name().unwrap_or_default();
    format!(
        "{} {} {}",
        std::process::id(),
        now_ms() / 1000,
        program.to_string_lossy()
    )
}

/// Names the holder of the lock in the error of a thread that waited for its turn. The holder may
/// be another process, for which the first thread of the queue waits.
fn with_holder(error: CatalogError) -> CatalogError {
    match error {
        CatalogError::LockTimeout {
            path,
            holder,
            waited,
        } => {
            let stated = File::open(&path).ok().and_then(|file| stated_holder(&file));
            CatalogError::LockTimeout {
                path,
                holder: stated.unwrap_or(holder),
                waited,
            }
        }
        error => error,
    }
}

fn write_holder(file: &mut File) -> io::Result<()> {
    let text = format!("{}\n", describe_this_process());
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

/// Describes the holder of a lock for people.
fn read_holder(file: &File) -> String {
    stated_holder(file).unwrap_or_else(|| "an unknown process".to_owned())
}

/// Describes the holder of a lock by the text in the lock file, if the holder wrote one.
fn stated_holder(mut file: &File) -> Option<String> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(200).read_to_string(&mut text).ok()?;
    let mut words = text.trim_end().splitn(3, ' ');
    let (process, since, program) = (words.next()?, words.next()?, words.next()?);
    let age = (now_ms() / 1000).saturating_sub(since.parse().ok()?);
    Some(format!("process {process} ({program}) for {age} s"))
}
