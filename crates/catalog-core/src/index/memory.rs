use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::record::Record;
use super::snapshot::Snapshot;
use super::source::Source;

/// The content of an index that this process read or wrote last, and memory for the next text.
#[derive(Debug)]
pub(super) struct Memory<R> {
    latest: RwLock<Option<Arc<Loaded<R>>>>,
    /// The memory of a text that no snapshot uses any longer. The next text uses it.
    buffer: Mutex<Vec<u8>>,
}

/// A snapshot, and the file that it was read from.
#[derive(Debug)]
pub(super) struct Loaded<R> {
    pub(super) snapshot: Arc<Snapshot<R>>,
    pub(super) source: Source,
}

impl<R> Default for Memory<R> {
    fn default() -> Self {
        Self {
            latest: RwLock::new(None),
            buffer: Mutex::default(),
        }
    }
}

impl<R: Record> Memory<R> {
    /// Returns the snapshot, if it was read from the file that is at a path now.
    pub(super) fn current_at(&self, path: &Path) -> io::Result<Option<Arc<Snapshot<R>>>> {
        // The file is checked without the lock. A thread that is interrupted here blocks no other
        // thread.
        let Some(loaded) = self.loaded() else {
            return Ok(None);
        };
        let is_current = loaded.source.is_current_at(path)?;
        Ok(is_current.then(|| Arc::clone(&loaded.snapshot)))
    }

    /// Returns the snapshot without checking its file.
    pub(super) fn latest(&self) -> Option<Arc<Snapshot<R>>> {
        self.loaded().map(|loaded| Arc::clone(&loaded.snapshot))
    }

    fn loaded(&self) -> Option<Arc<Loaded<R>>> {
        let latest = self.latest.read().unwrap_or_else(PoisonError::into_inner);
        latest.clone()
    }

    /// Replaces the content. With `None`, the next call reads the file.
    pub(super) fn remember(&self, loaded: Option<Loaded<R>>) {
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *latest, loaded.map(Arc::new));
        drop(latest);
        // The old text is dropped after the lock is released, so that readers do not wait for that.
        let before = before.and_then(Arc::into_inner);
        if let Some(unused) = before.and_then(|before| Arc::into_inner(before.snapshot)) {
            *self.lock_buffer() = unused.text.into_bytes();
        }
    }

    /// Takes the memory for the next text.
    pub(super) fn take_buffer(&self) -> Vec<u8> {
        std::mem::take(&mut *self.lock_buffer())
    }

    fn lock_buffer(&self) -> MutexGuard<'_, Vec<u8>> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
