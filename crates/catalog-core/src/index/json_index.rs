use std::fs::OpenOptions;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard, TryLockError};
use std::time::Duration;

use super::edit::Edit;
use super::format;
use super::group_commit::GroupCommit;
use super::index_files::{Absence, IndexFiles};
use super::memory::{Loaded, Memory};
use super::patience::Patience;
use super::record::Record;
use super::shared::shared_by_handles;
use super::snapshot::Snapshot;
use super::source::Source;
use super::text_buffer::with_room;
use super::unreadable::Unreadable;
use crate::error::{CatalogError, Result};
use crate::progress::Limits;
use crate::root::{
    FileStamp, Locking, Replacement, StoreLock, StoreRoot, WriterLock, check_not_nested,
    is_absence, is_there, keep_spare, open_own_file,
};

/// The locking of the writers of an index, and the time for which a writer waits for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Writing {
    pub(crate) locking: Locking,
    pub(crate) wait: Duration,
}

/// The index of all entries of one kind. It is one file below a root, and other processes may use
/// it too.
///
/// Reading takes no lock. It costs one `stat` while no process writes. When the file is new, one
/// thread of the process reads it and parses only the changed lines, and the other threads wait for
/// that thread. Writing waits for the lock of the root (see `root::lock`), starts from the file on
/// disk, and returns when the new file is durable. A file that cannot be read is never replaced.
#[derive(Debug)]
pub(crate) struct JsonIndex<R> {
    files: Arc<IndexFiles>,
    path: PathBuf,
    /// The path by which this index notices that the file was replaced. It leads to the same file
    /// as `path`.
    watched: PathBuf,
    writing: Writing,
    memory: Memory<R>,
    /// The lock of the thread that reads a new file. A writer also holds it while it replaces the
    /// file.
    renewal: RwLock<()>,
    writers: Arc<GroupCommit<R>>,
}

impl<R: Record> JsonIndex<R> {
    pub(crate) fn new(files: Arc<IndexFiles>, writing: Writing) -> Self {
        let path = files.root().layout().index(R::FILE);
        let (of, locking) = (path.clone(), Some(writing.locking));
        let writers =
            shared_by_handles(files.root(), of, locking, || GroupCommit::new(path.clone()));
        Self {
            watched: files.root().watched_index(R::FILE),
            path,
            writers,
            files,
            writing,
            memory: Memory::default(),
            renewal: RwLock::new(()),
        }
    }

    pub(super) fn root(&self) -> &StoreRoot {
        self.files.root()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the current content.
    pub(crate) fn snapshot(&self) -> Result<Arc<Snapshot<R>>> {
        loop {
            if let Some(current) = self.current()? {
                return Ok(current);
            }
            let renewal = match self.renewal.try_write() {
                Ok(renewal) => renewal,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    // Another thread reads the file. All threads that wait for it continue at the
                    // same time.
                    drop(self.renewal.read());
                    continue;
                }
            };
            // Another thread may have read the file since the first check.
            let current = match self.current()? {
                Some(current) => current,
                None => self.load()?,
            };
            drop(renewal);
            return Ok(current);
        }
    }

    /// Returns the snapshot in memory, if it was read from the file that is on disk now.
    fn current(&self) -> Result<Option<Arc<Snapshot<R>>>> {
        let current = self.memory.current_at(&self.watched);
        current.map_err(|error| CatalogError::io("look at", &self.path, error))
    }

    /// Returns the content that this process read or wrote last, without checking the file.
    pub(crate) fn latest(&self) -> Option<Arc<Snapshot<R>>> {
        self.memory.latest()
    }

    fn lock_renewal(&self) -> RwLockWriteGuard<'_, ()> {
        self.renewal.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes entries. All changes that `change` makes to the edit become visible and durable
    /// together before this returns, or none of them does. An edit without changes writes nothing.
    /// Threads that call this at the same time share one write.
    pub(crate) fn update<T>(
        &self,
        limits: &Limits,
        change: impl FnOnce(&mut Edit<R>) -> Result<T>,
    ) -> Result<T> {
        check_not_nested(self.root())?;
        self.writers.write(
            self.patience(limits),
            || self.begin(limits),
            |lock, edit| {
                let written = self.commit(&lock, edit);
                drop(lock);
                written
            },
            change,
        )
    }

    /// Changes entries without sharing the write. Then calls `then`, before any other writer of the
    /// root runs.
    pub(crate) fn update_then<T, U>(
        &self,
        limits: &Limits,
        change: impl FnOnce(&mut Edit<R>) -> Result<T>,
        then: impl FnOnce(T) -> Result<U>,
    ) -> Result<U> {
        check_not_nested(self.root())?;
        self.writers.alone(self.patience(limits), || {
            let (lock, mut edit) = self.begin(limits)?;
            let answer = change(&mut edit)
                .and_then(|answer| self.commit(&lock, edit).map(|()| answer))
                .and_then(then);
            drop(lock);
            answer
        })
    }

    /// Removes the file that writers overwrite on a full disk. Returns whether the file existed.
    pub(crate) fn remove_spare(&self, limits: &Limits) -> Result<bool> {
        self.alone(limits, || {
            let spare = self.root().layout().spare();
            match std::fs::remove_file(&spare) {
                Ok(()) => Ok(true),
                Err(error) if is_absence(&error) => Ok(false),
                Err(error) => Err(CatalogError::io("remove", spare, error)),
            }
        })
    }

    /// Runs `work` while this process holds the lock of the root and no other thread writes.
    pub(super) fn alone<T>(&self, limits: &Limits, work: impl FnOnce() -> Result<T>) -> Result<T> {
        check_not_nested(self.root())?;
        self.writers.alone(self.patience(limits), || {
            let lock = self.lock(limits)?;
            let done = work();
            drop(lock);
            done
        })
    }

    fn patience<'l>(&self, limits: &'l Limits) -> Patience<'l> {
        Patience {
            limits,
            lock_wait: self.writing.wait,
        }
    }

    fn begin(&self, limits: &Limits) -> Result<(WriterLock, Edit<R>)> {
        let lock = self.lock(limits)?;
        let current = self.snapshot()?;
        Ok((lock, Edit::of(current)))
    }

    /// Takes the lock of the root.
    fn lock(&self, limits: &Limits) -> Result<WriterLock> {
        let root = self.root();
        root.check_present()?;
        let lock = WriterLock::acquire(
            root.layout(),
            StoreLock::Index,
            self.writing.locking,
            limits,
            self.writing.wait,
        )
        .map_err(CatalogError::of_writing)?;
        // Check again: the root may have been replaced while this thread waited.
        root.check_present()?;
        Ok(lock)
    }

    fn commit(&self, lock: &WriterLock, mut edit: Edit<R>) -> Result<()> {
        if !edit.is_changed() {
            return Ok(());
        }
        self.files.ensure(lock)?;
        let root = self.root();
        edit.drop_tombstones_of_what_is_gone(root);
        let next = edit.into_next(self.memory.take_buffer());
        root.check_present()?;
        lock.check_held()?;
        self.replace(next).map_err(CatalogError::of_writing)
    }

    /// Replaces the file durably. Threads of this process see the new content as soon as the file
    /// is at its path.
    pub(super) fn replace(&self, next: Snapshot<R>) -> Result<()> {
        let layout = self.root().layout();
        let previous = layout.previous_index(R::FILE);
        let bytes = next.text.bytes();
        let len = bytes.len() as u64;
        let new = Replacement::write(layout, &self.path, bytes)?;
        let published = {
            let _renewal = self.lock_renewal();
            let published = new.publish(layout, &previous);
            let loaded = published.as_ref().ok().and_then(|published| {
                let (file, metadata) = published.file().ok()?;
                Some(Loaded {
                    source: Source::new(file, metadata),
                    snapshot: Arc::new(next),
                })
            });
            // If any step failed, the next call reads the file on disk.
            self.memory.remember(loaded);
            published?
        };
        if let Err(error) = published.finish(&previous) {
            self.memory.remember(None);
            return Err(error);
        }
        keep_spare(layout, len);
        Ok(())
    }

    /// Reads the file on disk. The caller holds the lock `renewal`.
    fn load(&self) -> Result<Arc<Snapshot<R>>> {
        let root = self.root();
        root.check_present()?;
        let mut damaged: Option<FileStamp> = None;
        loop {
            let Some(mut file) = open_own_file(&self.path, OpenOptions::new().read(true))? else {
                match self.absent()? {
                    Some(empty) => return Ok(Arc::new(empty)),
                    None => continue,
                }
            };
            let failed = |error| CatalogError::io("read", &self.path, error);
            let metadata = file.metadata().map_err(failed)?;
            let mut bytes = with_room(self.memory.take_buffer(), metadata.len() as usize);
            file.read_to_end(&mut bytes).map_err(failed)?;
            // On a full disk, a writer may have overwritten this file while it was read. The file
            // is damaged only if a second read of the same file fails, too.
            let stamp = FileStamp::of(&metadata);
            let read = match self.memory.latest() {
                Some(before) => format::read_changed(&before, bytes, root),
                None => {
                    // A buffer of this size is freed once here. After that, the allocator of glibc
                    // keeps freed memory of up to twice this size. Before that, each list of all
                    // entries would take new memory from the kernel, which is slower than building
                    // the list.
                    let text = bytes.as_slice().to_vec();
                    drop(bytes);
                    format::read(text, root)
                }
            };
            match read {
                Ok(snapshot) => {
                    let snapshot = Arc::new(snapshot);
                    self.memory.remember(Some(Loaded {
                        snapshot: Arc::clone(&snapshot),
                        source: Source::new(file, &metadata),
                    }));
                    return Ok(snapshot);
                }
                Err(Unreadable::Damaged(_)) if damaged != Some(stamp) => damaged = Some(stamp),
                Err(why) => return Err(self.unreadable(why)),
            }
        }
    }

    /// Returns the empty index of a root that never had one, or `None` if the file was created in
    /// the meantime.
    fn absent(&self) -> Result<Option<Snapshot<R>>> {
        let absence = self.files.absence(R::FILE)?;
        if is_there(&self.path)? {
            return Ok(None);
        }
        match absence {
            Absence::Empty => {
                self.memory.remember(None);
                Ok(Some(format::empty()))
            }
            Absence::Lost(how) => Err(self.unreadable(Unreadable::Damaged(how.to_owned()))),
        }
    }

    pub(super) fn unreadable(&self, why: Unreadable) -> CatalogError {
        why.into_error(&self.path, R::VERSION)
    }
}
