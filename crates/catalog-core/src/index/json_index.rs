use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::edit::Edit;
use super::format;
use super::group_commit::{Commit, Writers};
use super::read::{self, Purpose, Unreadable};
use super::record::Record;
use super::snapshot::Snapshot;
use super::source::Source;
use crate::error::{CatalogError, Result};
use crate::root::{
    LastHolder, Locking, StoreLock, StoreRoot, WriterLock, open_own_file, remove_temporary_files,
    replace_durably,
};

/// How writers of an index are kept apart, and how long one waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Writing {
    pub(crate) locking: Locking,
    pub(crate) wait: Duration,
}

/// How long a process that just wrote leaves the lock to others that wait for it: longer than they
/// pause between two looks.
const COURTESY: Duration = Duration::from_millis(4);

/// All entries of one kind, in one file below a root, shared with other processes.
///
/// Reading takes no lock and costs one `stat` while nobody writes. Writing queues on the lock of
/// the root (see `root::lock`), starts from what is on disk, and returns when the new file is
/// durable. What cannot be read is never replaced.
#[derive(Debug)]
pub(crate) struct JsonIndex<R> {
    root: StoreRoot,
    path: PathBuf,
    writing: Writing,
    latest: RwLock<Option<Loaded<R>>>,
    writers: Writers<R>,
    /// Until when the lock is left to other processes.
    courtesy: Mutex<Option<Instant>>,
    /// Whether leftovers of writers that died before this handle was opened were looked for.
    is_swept: AtomicBool,
}

/// A snapshot and the file it was read from.
#[derive(Debug)]
struct Loaded<R> {
    snapshot: Arc<Snapshot<R>>,
    /// None while there is no file.
    source: Option<Source>,
}

impl<R: Record> JsonIndex<R> {
    pub(crate) fn new(root: StoreRoot, writing: Writing) -> Self {
        let path = root.layout().index(R::FILE);
        Self {
            root,
            writing,
            latest: RwLock::new(None),
            writers: Writers::new(path.clone()),
            path,
            courtesy: Mutex::new(None),
            is_swept: AtomicBool::new(false),
        }
    }

    pub(super) fn root(&self) -> &StoreRoot {
        &self.root
    }

    pub(super) fn writers(&self) -> &Writers<R> {
        &self.writers
    }

    pub(super) fn writing(&self) -> Writing {
        self.writing
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The content as of now.
    pub(crate) fn snapshot(&self) -> Result<Arc<Snapshot<R>>> {
        self.snapshot_for(Purpose::Reading)
    }

    fn snapshot_for(&self, purpose: Purpose) -> Result<Arc<Snapshot<R>>> {
        if let Some(current) = self.current()? {
            return Ok(current);
        }
        let loaded = self.load(purpose)?;
        let snapshot = Arc::clone(&loaded.snapshot);
        self.remember(Some(loaded));
        Ok(snapshot)
    }

    /// The snapshot in memory, if it is what is on disk.
    fn current(&self) -> Result<Option<Arc<Snapshot<R>>>> {
        let latest = self.latest.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = &*latest
            && let Some(source) = &loaded.source
            && source
                .is_current_at(&self.path)
                .map_err(|error| CatalogError::io("look at", &self.path, error))?
        {
            return Ok(Some(Arc::clone(&loaded.snapshot)));
        }
        Ok(None)
    }

    /// Changes entries: what `change` does to the edit becomes visible and durable as a whole
    /// before this returns, or not at all. An edit that changes nothing writes nothing. Threads
    /// that do this at once share one write.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut Edit<R>) -> Result<T>) -> Result<T> {
        self.writers.write(self.writing.wait, self, change)
    }

    /// [`update`](Self::update) by itself, then `then` before any other writer of the root runs.
    pub(crate) fn update_then<T, U>(
        &self,
        change: impl FnOnce(&mut Edit<R>) -> Result<T>,
        then: impl FnOnce(T) -> Result<U>,
    ) -> Result<U> {
        self.writers.alone(self.writing.wait, |deadline| {
            let (lock, mut edit) = self.begin(deadline)?;
            let answer = change(&mut edit)
                .and_then(|answer| self.commit(&lock, edit).map(|()| answer))
                .and_then(then);
            self.end(lock);
            answer
        })
    }

    /// Takes the lock of the root and clears away what writers that died left.
    pub(super) fn lock(&self, deadline: Instant) -> Result<WriterLock> {
        self.wait_out_of_courtesy();
        self.root.check_present()?;
        let lock = WriterLock::acquire(
            self.root.layout(),
            StoreLock::Index,
            self.writing.locking,
            deadline,
        )
        .map_err(CatalogError::of_writing)?;
        // Again, as it may have been replaced while this waited.
        self.root.check_present()?;
        if lock.last_holder() == LastHolder::Died || !self.is_swept.load(Ordering::Relaxed) {
            remove_temporary_files(self.root.layout()).map_err(CatalogError::of_writing)?;
            self.is_swept.store(true, Ordering::Relaxed);
        }
        Ok(lock)
    }

    fn load(&self, purpose: Purpose) -> Result<Loaded<R>> {
        self.root.check_present()?;
        let Some(mut file) = open_own_file(&self.path, OpenOptions::new().read(true))? else {
            return self.absent(purpose);
        };
        let failed = |error| CatalogError::io("read", &self.path, error);
        let metadata = file.metadata().map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let snapshot =
            read::read(&bytes, &self.root, purpose).map_err(|why| self.unreadable(why))?;
        Ok(Loaded {
            snapshot: Arc::new(snapshot),
            source: Some(Source::new(file, &metadata)),
        })
    }

    /// No file is an empty index only if there never was one.
    fn absent(&self, purpose: Purpose) -> Result<Loaded<R>> {
        let previous = self.root.layout().previous_index(R::FILE);
        match fs::symlink_metadata(&previous) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Loaded {
                snapshot: Arc::new(Snapshot::empty()),
                source: None,
            }),
            Err(error) => Err(CatalogError::io("look at", &previous, error)),
            // A writer may have made both since the file was looked for.
            Ok(_) if self.path.exists() => self.load(purpose),
            Ok(_) => Err(self.unreadable(Unreadable::Damaged(
                "it is missing, but the generation before it is there".to_owned(),
            ))),
        }
    }

    /// Remembers what an edit came to, and the file that it was written to.
    fn advance(&self, edit: Edit<R>, source: Source) {
        let (mut base, changes) = edit.into_parts();
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        let owners_here = 2;
        if Arc::strong_count(&base) > owners_here {
            // Somebody reads it, so it is copied: not while all others wait for that.
            drop(latest);
            base = Arc::new(Snapshot::clone(&base));
            latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        }
        *latest = None;
        Arc::make_mut(&mut base).advance(changes);
        *latest = Some(Loaded {
            snapshot: base,
            source: Some(source),
        });
    }

    fn remember(&self, loaded: Option<Loaded<R>>) {
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = loaded;
    }

    fn unreadable(&self, why: Unreadable) -> CatalogError {
        let path = self.path.clone();
        match why {
            Unreadable::TooNew(found) => CatalogError::IndexTooNew {
                path,
                found,
                supported: R::VERSION,
            },
            Unreadable::Damaged(detail) => CatalogError::IndexDamaged {
                path,
                detail,
                repair: "stop its writers and call catalog_core::recover on the root, which keeps \
                         the damaged file and reports what it could restore",
            },
        }
    }

    fn wait_out_of_courtesy(&self) {
        let until = self
            .courtesy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // A pause that gives way to others, not a wait for something: they look every 2 ms at most.
        if let Some(until) = until {
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
        }
    }
}

impl<R: Record> Commit<R, WriterLock> for JsonIndex<R> {
    fn begin(&self, deadline: Instant) -> Result<(WriterLock, Edit<R>)> {
        let lock = self.lock(deadline)?;
        let current = self.snapshot_for(Purpose::Writing)?;
        Ok((lock, Edit::of(current)))
    }

    fn commit(&self, lock: &WriterLock, edit: Edit<R>) -> Result<()> {
        if !edit.is_changed() {
            return Ok(());
        }
        let previous = self.root.layout().previous_index(R::FILE);
        let bytes = format::write(edit.content());
        self.root.check_present()?;
        lock.check_held()?;
        // Unless all goes well, the next call reads the truth from disk.
        match replace_durably(&self.path, Some(&previous), &bytes) {
            Ok(file) => {
                match file.metadata() {
                    Ok(metadata) => self.advance(edit, Source::new(file, &metadata)),
                    Err(_) => self.remember(None),
                }
                Ok(())
            }
            Err(error) => {
                self.remember(None);
                Err(error.of_writing())
            }
        }
    }

    fn end(&self, lock: WriterLock) {
        if lock.release().are_others_waiting {
            let until = Instant::now() + COURTESY;
            *self.courtesy.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        }
    }
}
