use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::edit::Edit;
use super::format::{self, Unreadable};
use super::record::Record;
use super::snapshot::Snapshot;
use crate::disk::{FileStamp, ProcessLock, StoreRoot, open_own_file, replace_durably};
use crate::error::{CatalogError, Result};

/// How long a writer waits for another one.
const WRITER_WAIT: Duration = Duration::from_secs(30);

/// All entries of one kind, in one file below a root, shared with other processes.
///
/// Reading takes no lock and costs one `stat` while nobody writes. Writing queues on the lock of
/// the root (see `disk::lock`), starts from what is on disk, and returns when the new file is
/// durable. What cannot be read is never replaced.
#[derive(Debug)]
pub(crate) struct JsonIndex<R> {
    root: StoreRoot,
    path: PathBuf,
    latest: RwLock<Option<Loaded<R>>>,
    /// Threads of one process queue here, rather than poll the lock of the root.
    writing: Mutex<()>,
}

/// A snapshot and the file it was read from.
#[derive(Debug)]
struct Loaded<R> {
    snapshot: Arc<Snapshot<R>>,
    /// Kept open so that its inode stays taken, which makes an equal stamp a proof. None while
    /// there is no file.
    source: Option<(File, FileStamp)>,
}

impl<R: Record> JsonIndex<R> {
    pub(crate) fn new(root: StoreRoot) -> Self {
        Self {
            path: root.layout().index(R::FILE),
            root,
            latest: RwLock::new(None),
            writing: Mutex::new(()),
        }
    }

    pub(crate) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// The content as of now.
    pub(crate) fn snapshot(&self) -> Result<Arc<Snapshot<R>>> {
        let now = match fs::symlink_metadata(&self.path) {
            Ok(metadata) => Some(FileStamp::of(&metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.root.check_present()?;
                None
            }
            Err(error) => return Err(CatalogError::io("look at", &self.path, error)),
        };
        {
            let latest = self.latest.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(loaded) = &*latest
                && loaded.source.as_ref().map(|(_, stamp)| *stamp) == now
            {
                return Ok(Arc::clone(&loaded.snapshot));
            }
        }
        let loaded = self.load()?;
        let snapshot = Arc::clone(&loaded.snapshot);
        self.remember(Some(loaded));
        Ok(snapshot)
    }

    /// Changes entries: what `change` does to the edit becomes visible and durable as a whole
    /// before this returns, or not at all. An edit that changes nothing writes nothing.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut Edit<R>) -> Result<T>) -> Result<T> {
        self.update_then(change, |answer, _| Ok(answer))
    }

    /// [`update`](Self::update), then `then` with the new content before any other writer runs.
    pub(crate) fn update_then<T, U>(
        &self,
        change: impl FnOnce(&mut Edit<R>) -> Result<T>,
        then: impl FnOnce(T, &Snapshot<R>) -> Result<U>,
    ) -> Result<U> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.root.check_present()?;
        let _lock = ProcessLock::acquire(&self.root.layout().writer_lock(), WRITER_WAIT)?;
        let current = self.snapshot()?;
        let mut edit = Edit::of(&current);
        let answer = change(&mut edit)?;
        match edit.into_next(&current) {
            None => then(answer, &current),
            Some(next) => then(answer, &*self.replace(next)?),
        }
    }

    fn replace(&self, next: Snapshot<R>) -> Result<Arc<Snapshot<R>>> {
        let replaced = replace_durably(&self.path, &format::write(&next)).and_then(|file| {
            let metadata = file
                .metadata()
                .map_err(|error| CatalogError::io("look at", &self.path, error))?;
            Ok((FileStamp::of(&metadata), file))
        });
        let snapshot = Arc::new(next);
        match replaced {
            Ok((stamp, file)) => {
                self.remember(Some(Loaded {
                    snapshot: Arc::clone(&snapshot),
                    source: Some((file, stamp)),
                }));
                Ok(snapshot)
            }
            Err(error) => {
                // Whatever happened, the next call reads it from disk.
                self.remember(None);
                Err(error)
            }
        }
    }

    fn load(&self) -> Result<Loaded<R>> {
        let Some(mut file) = open_own_file(&self.path, OpenOptions::new().read(true))? else {
            self.root.check_present()?;
            return Ok(Loaded {
                snapshot: Arc::new(Snapshot::empty()),
                source: None,
            });
        };
        let failed = |error| CatalogError::io("read", &self.path, error);
        let stamp = FileStamp::of(&file.metadata().map_err(failed)?);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let snapshot = format::read(&bytes, &self.root).map_err(|why| self.unreadable(why))?;
        Ok(Loaded {
            snapshot: Arc::new(snapshot),
            source: Some((file, stamp)),
        })
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
                repair: "restore it from a backup, or move it aside to begin with an empty one",
            },
        }
    }
}
