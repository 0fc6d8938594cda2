//! The lock that writers of a root queue on.
//!
//! **Which.** There is one: `locks/index.lock`, taken exclusively by whoever writes either index of
//! a root. One for both, so that deleting a model can look at the engines that use its files
//! without a second lock, and so without an order to get wrong. Readers take none.
//!
//! **What it is.** The kernel's advisory lock on the open file (`flock` on Linux). A holder that
//! dies releases it, so nothing is ever broken by age. The file is never deleted; should somebody
//! else delete it, a waiter notices and queues on the new one, and a holder writes no more. Two handles exclude each other within one process
//! too. On a file system without such locks every write is refused, unless its user chose
//! [`Locking::SingleProcess`]; then the handles of one process exclude each other in memory.
//!
//! **Who waits, how long.** A writer tries until its time is up, with growing pauses; the error
//! names the holder. Waiters hold a shared lock on `locks/index.waiting` meanwhile; a process that
//! has just released the lock and sees one lets it go first, so that no process starves another.
//! Threads that share a store do not come here one by one: they share one write (`index::writers`).
//!
//! **What a kill leaves.** A holder writes who it is into the file, and empties it before it
//! releases the lock. So text that is found after acquiring it tells that its writer died, and
//! that its temporary files may be there; none of them is in use, as only a holder makes them.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::file_system::file_system_of;
use super::folder::create_own_folder;
use super::layout::Layout;
use super::own_file::open_or_create_own_file;
use super::stamp::FileStamp;
use crate::error::{CatalogError, Result};

/// The first and the longest pause between two looks at a lock that is taken.
const PAUSES: (Duration, Duration) = (Duration::from_micros(100), Duration::from_millis(2));

/// After this long a waiter says in the log whom it waits for.
const PATIENCE: Duration = Duration::from_secs(1);

/// How the writers of a root are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Locking {
    /// By the kernel, across processes; refused where the file system has no locks.
    #[default]
    Kernel,
    /// Within this process only. Whoever chooses it promises that no other process writes there.
    SingleProcess,
}

/// What the last holder left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastHolder {
    Released,
    Died,
}

/// The right to write, held until it is dropped or the process dies.
#[derive(Debug)]
pub(crate) struct WriterLock {
    file: File,
    held: Held,
    last_holder: LastHolder,
    path: PathBuf,
    waiting: PathBuf,
}

#[derive(Debug)]
enum Held {
    ByKernel,
    InProcess,
}

/// The locks of [`Locking::SingleProcess`] that are held, by path.
static IN_PROCESS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

impl WriterLock {
    /// Waits for the lock until `deadline`; creates its files and folder as needed.
    pub(crate) fn acquire(layout: &Layout, locking: Locking, deadline: Instant) -> Result<Self> {
        let path = layout.writer_lock();
        create_own_folder(&layout.locks())?;
        let mut file = open_lock(&path)?;
        let begin = Instant::now();
        let mut pause = PAUSES.0;
        let mut waiting = None;
        let mut is_told = false;
        let held = loop {
            if let Some(held) = try_acquire(&file, &path, locking)? {
                if is_at(&file, &path)? {
                    break held;
                }
                // Somebody removed the file that this lock is on: others lock the new one.
                drop(Self::new(file, held, layout));
                file = open_lock(&path)?;
                continue;
            }
            let now = Instant::now();
            if now >= deadline {
                return Err(CatalogError::LockTimeout {
                    holder: read_holder(&file),
                    path,
                    waited: now - begin,
                });
            }
            if waiting.is_none() {
                let file = open_lock(&layout.waiting_lock())?;
                // Courtesy only: without it, this waiter is overtaken more often.
                waiting = file.try_lock_shared().ok().map(|()| file);
            }
            if !is_told && now - begin > PATIENCE {
                is_told = true;
                let holder = read_holder(&file);
                tracing::warn!(lock = %path.display(), %holder, "still waiting for a lock");
            }
            thread::sleep(pause.min(deadline - now));
            pause = (pause * 2).min(PAUSES.1);
        };
        let mut lock = Self::new(file, held, layout);
        match write_holder(&mut lock.file) {
            Ok(()) => Ok(lock),
            Err(error) => Err(CatalogError::io("write to", &path, error)),
        }
    }

    fn new(file: File, held: Held, layout: &Layout) -> Self {
        let last_holder = match file.metadata() {
            Ok(metadata) if metadata.len() == 0 => LastHolder::Released,
            _ => LastHolder::Died,
        };
        Self {
            file,
            held,
            last_holder,
            path: layout.writer_lock(),
            waiting: layout.waiting_lock(),
        }
    }

    /// Fails if somebody removed the lock file: then another process may hold a lock on a new one.
    pub(crate) fn check_held(&self) -> Result<()> {
        if is_at(&self.file, &self.path)? {
            return Ok(());
        }
        let error = io::Error::other("somebody removed it while it was held; nothing was written");
        Err(CatalogError::io("keep the lock", &self.path, error))
    }

    pub(crate) fn last_holder(&self) -> LastHolder {
        self.last_holder
    }

    /// Releases the lock, and tells whether other processes wait for it.
    pub(crate) fn release(self) -> Released {
        let are_others_waiting = File::open(&self.waiting)
            .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
        Released { are_others_waiting }
    }
}

/// What was seen when a lock was released.
pub(crate) struct Released {
    pub(crate) are_others_waiting: bool,
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // Should this fail, the next holder looks for leftovers that are not there.
        drop(self.file.set_len(0));
        // Closing alone would leave the lock to a child process that has not begun its program yet.
        drop(self.file.unlock());
        if matches!(self.held, Held::InProcess) {
            in_process().remove(&self.path);
        }
    }
}

/// Opens a lock file, creating it as needed. One with a second name is refused: what is written
/// into it would be written into somebody else's file.
fn open_lock(path: &Path) -> Result<File> {
    let file = open_or_create_own_file(path, OpenOptions::new().read(true).write(true))?;
    let metadata = file
        .metadata()
        .map_err(|error| CatalogError::io("look at", path, error))?;
    if metadata.nlink() > 1 {
        let error = io::Error::new(
            io::ErrorKind::InvalidInput,
            "it has a second name where the store keeps a file of its own; remove it",
        );
        return Err(CatalogError::io("use", path, error));
    }
    Ok(file)
}

/// Whether an open file is the one at a path.
fn is_at(file: &File, path: &Path) -> Result<bool> {
    let failed = |error| CatalogError::io("look at", path, error);
    let held = FileStamp::of(&file.metadata().map_err(failed)?);
    match fs::symlink_metadata(path) {
        Ok(now) => Ok(FileStamp::of(&now).is_same_file(&held)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

fn try_acquire(file: &File, path: &Path, locking: Locking) -> Result<Option<Held>> {
    match locking {
        Locking::Kernel => match file.try_lock() {
            Ok(()) => Ok(Some(Held::ByKernel)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(lock_failed(path, error)),
        },
        Locking::SingleProcess => {
            let is_free = in_process().insert(path.to_path_buf());
            Ok(is_free.then_some(Held::InProcess))
        }
    }
}

fn lock_failed(path: &Path, source: io::Error) -> CatalogError {
    /// `ENOLCK`, the same number on Linux; the kind of the others is `Unsupported`.
    const NO_LOCKS_AVAILABLE: i32 = 37;
    let is_unsupported = source.kind() == io::ErrorKind::Unsupported
        || source.raw_os_error() == Some(NO_LOCKS_AVAILABLE);
    if !is_unsupported {
        return CatalogError::io("lock", path, source);
    }
    CatalogError::LocksUnsupported {
        path: path.to_path_buf(),
        file_system: file_system_of(path).unwrap_or_else(|| "of a kind not told".to_owned()),
        source,
    }
}

fn in_process() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    IN_PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    let program = std::env::args_os().next().unwrap_or_default();
    let program = Path::new(&program).file_name().unwrap_or_default();
    let text = format!(
        "{} {} {}\n",
        std::process::id(),
        seconds_since_1970(),
        program.to_string_lossy()
    );
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

/// Who holds a lock, for people, from what its holder wrote.
fn read_holder(mut file: &File) -> String {
    let mut text = String::new();
    let read = file
        .rewind()
        .and_then(|()| file.take(200).read_to_string(&mut text));
    let mut words = text.trim_end().splitn(3, ' ');
    let fields = (
        words.next(),
        words.next().map(str::parse::<u64>),
        words.next(),
    );
    match (read, fields) {
        (Ok(_), (Some(process), Some(Ok(since)), Some(program))) => {
            let age = seconds_since_1970().saturating_sub(since);
            format!("process {process} ({program}) for {age} s")
        }
        _ => "a process that has not said who it is".to_owned(),
    }
}

fn seconds_since_1970() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
