use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::root_state::RootState;
use crate::digest::Hasher;
use crate::error::{CatalogError, Result};
use crate::reference::ModelId;
use crate::root::{
    FileLock, LockMode, create_own_folder, describe_this_process, is_at, now_ms, open_lock,
};

/// The maximum length of the file of a model lock. No holder writes more.
const MAX_LEN: u64 = 64 << 10;

/// The lock of one model: the right to provision it, held until it is dropped or the process dies.
///
/// Each model has a file of its own with a kernel lock. Any number of threads and processes can ask
/// for the lock, and one of them holds it; models do not wait for each other. The file states the
/// progress of the holder, for those who wait. It is never deleted.
#[derive(Debug)]
pub struct ModelLock {
    lock: FileLock,
    path: PathBuf,
    before: Option<Box<ModelLockFailure>>,
    text: Box<ModelLockText>,
    is_kept: bool,
}

/// The outcome of [`try_lock_model`](crate::FsCatalog::try_lock_model).
#[derive(Debug)]
pub enum ModelLockAttempt {
    /// The caller has the lock.
    Begun(ModelLock),
    /// Another thread or process has the lock.
    Taken(ModelLockStatus),
}

/// The progress that the holder of a model lock reports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ModelLockStatus {
    /// The holder: the id of its process, the time when it took the lock in seconds since 1970, and
    /// its program. Empty if it has not written that yet.
    pub holder: String,
    /// The number of bytes that it has.
    pub done: u64,
    /// The number of all bytes, if it is known.
    pub total: Option<u64>,
}

/// How the work under a model lock failed, for the callers that waited for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelLockFailure {
    /// The request, as the holder describes it: the failure concerns callers with the same request.
    pub terms: String,
    /// The stable code of the error.
    pub code: String,
    /// Its message, without secrets.
    pub detail: String,
    /// Whether trying again may succeed without a repair by hand.
    pub is_retryable: bool,
    /// The time, in milliseconds since 1970.
    pub at_ms: u64,
}

impl ModelLockFailure {
    /// Creates a failure that happened now.
    pub fn now(terms: &str, code: &str, detail: &str, is_retryable: bool) -> Self {
        Self {
            terms: terms.to_owned(),
            code: code.to_owned(),
            detail: detail.to_owned(),
            is_retryable,
            at_ms: now_ms(),
        }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct ModelLockText {
    #[serde(default)]
    holder: String,
    #[serde(default)]
    done: u64,
    #[serde(default)]
    total: Option<u64>,
    #[serde(default)]
    failed: Option<ModelLockFailure>,
}

/// Tries to take the lock of a model, without waiting.
///
/// # Errors
///
/// [`CatalogError::NotWritable`] if the lock file cannot be created,
/// [`CatalogError::LocksUnsupported`] if the file system has no locks,
/// [`CatalogError::RootChanged`] if the root is another folder now.
pub(crate) fn try_lock_model(state: &RootState, id: &ModelId) -> Result<ModelLockAttempt> {
    state.root.check_present()?;
    let layout = state.root.layout();
    let mut name = Hasher::new();
    name.update(id.as_bytes());
    let path = layout.model_lock(&name.finish().value);
    let opened = create_own_folder(&layout.locks())
        .and_then(|()| create_own_folder(&layout.model_locks()))
        .and_then(|()| open_lock(&path));
    let mut file = opened.map_err(CatalogError::of_writing)?;
    loop {
        let locking = state.artifacts.locking();
        match FileLock::try_acquire(file, &path, LockMode::Exclusive, locking)? {
            Ok(lock) if is_at(lock.file(), &path)? => {
                let before = read(lock.file()).failed.map(Box::new);
                let mut lock = ModelLock {
                    lock,
                    path,
                    before,
                    text: Box::new(ModelLockText {
                        holder: describe_this_process(),
                        ..ModelLockText::default()
                    }),
                    is_kept: false,
                };
                lock.write();
                return Ok(ModelLockAttempt::Begun(lock));
            }
            // Somebody deleted it: others lock the new one.
            Ok(deleted) => {
                drop(deleted);
                file = open_lock(&path)?;
            }
            Err(file) => {
                let ModelLockText {
                    holder,
                    done,
                    total,
                    ..
                } = read(&file);
                return Ok(ModelLockAttempt::Taken(ModelLockStatus {
                    holder,
                    done,
                    total,
                }));
            }
        }
    }
}

impl ModelLock {
    /// Returns the failure of the holder before this one, if it failed.
    pub fn failure_before(&self) -> Option<&ModelLockFailure> {
        self.before.as_deref()
    }

    /// Reports progress to those who wait.
    pub fn report(&mut self, done: u64, total: Option<u64>) {
        self.text.done = done;
        self.text.total = total;
        self.write();
    }

    /// Releases the lock, and reports a failure to those who waited.
    pub fn fail(mut self, failure: ModelLockFailure) {
        self.text.failed = Some(failure);
        self.write();
        self.is_kept = true;
    }

    /// Releases the lock, and leaves the failure of the holder before this one for others who wait.
    pub fn release_keeping_failure(mut self) {
        self.text.failed = self.before.take().map(|failure| *failure);
        self.write();
        self.is_kept = true;
    }

    /// Best effort: without it those who wait see no progress, and wait all the same.
    fn write(&mut self) {
        let text = serde_json::to_string(&*self.text).expect("it has only text and numbers");
        let file = self.lock.file_mut();
        let written = file
            .rewind()
            .and_then(|()| file.write_all(text.as_bytes()))
            .and_then(|()| file.set_len(text.len() as u64));
        if let Err(error) = written {
            tracing::debug!(path = %self.path.display(), %error, "a model lock could not be described");
        }
    }
}

impl Drop for ModelLock {
    fn drop(&mut self) {
        if !self.is_kept {
            // Should this fail, those who wait read of a holder that is gone.
            drop(self.lock.file().set_len(0));
        }
    }
}

/// Reads the text of the file. It is empty if the holder is writing it just now.
fn read(mut file: &File) -> ModelLockText {
    let mut text = String::new();
    let done = file
        .rewind()
        .and_then(|()| file.take(MAX_LEN).read_to_string(&mut text));
    match done {
        Ok(_) => serde_json::from_str(&text).unwrap_or_default(),
        Err(_) => ModelLockText::default(),
    }
}
