use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::root_state::RootState;
use crate::digest::Hasher;
use crate::error::{CatalogError, Result};
use crate::progress::Progress;
use crate::reference::ModelId;
use crate::root::{
    FileLock, FileStamp, LockMode, create_own_folder, describe_this_process, is_at, is_sha256,
    now_ms, open_lock, sync_folder,
};

/// The maximum length of the file of a model lock. No holder writes more.
const MAX_LEN: u64 = 64 << 10;

/// The number of source calls with different terms that the file of a model lock holds.
const MAX_CALLS: usize = 8;

/// The lock of one model: the right to provision it, held until it is dropped or the process dies.
///
/// Each model has a file of its own with a kernel lock. Any number of threads and processes can ask
/// for the lock, and one of them holds it; models do not wait for each other. The file states the
/// progress of the holder and the latest source calls, for those who wait. Where the file cannot be
/// written, the threads of one process share the lock, and other processes do not see it.
#[derive(Debug)]
pub struct ModelLock {
    /// The kernel lock, unless the file cannot be written.
    lock: Option<FileLock>,
    path: PathBuf,
    text: Box<ModelLockText>,
}

/// The outcome of [`try_lock_model`](crate::FsCatalog::try_lock_model).
#[derive(Debug)]
pub enum ModelLockAttempt {
    /// The caller has the lock.
    Begun(ModelLock),
    /// Another thread or process has the lock.
    Taken(ModelLockStatus),
}

/// The report of the holder of a model lock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ModelLockStatus {
    /// The holder: the id of its process, the time when it took the lock in seconds since 1970, and
    /// its program. Empty if it has not written that yet.
    pub holder: String,
    /// The progress of the holder.
    pub progress: Progress,
    /// The latest source calls that ended, one for each terms. `None` if the text of the file cannot
    /// be read at this moment.
    pub calls: Option<Vec<SourceCall>>,
}

/// A call of the source of a model that ended: callers that waited for the call use its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SourceCall {
    /// A text that no other source call has.
    pub id: String,
    /// The request, as the holder describes it: the result concerns callers with the same request.
    pub terms: String,
    /// The reason why the call failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<SourceFailure>,
}

/// The reason why a source call failed, for the callers that waited for the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SourceFailure {
    /// The stable code of the error.
    pub code: String,
    /// Its message, without secrets.
    pub detail: String,
    /// Whether trying again may succeed without a repair by hand.
    pub is_retryable: bool,
}

impl SourceFailure {
    /// The maximum length of the message in bytes. A longer one is cut.
    const MAX_DETAIL: usize = 4 << 10;

    /// Creates a failure.
    pub fn new(code: &str, detail: &str, is_retryable: bool) -> Self {
        let ends = detail.char_indices().map(|(at, char)| at + char.len_utf8());
        let end = ends.take_while(|end| *end <= Self::MAX_DETAIL).last();
        Self {
            code: code.to_owned(),
            detail: detail[..end.unwrap_or(0)].to_owned(),
            is_retryable,
        }
    }
}

/// The text of the file. The source calls come first: their bytes stay in place while the progress
/// changes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct ModelLockText {
    #[serde(default)]
    calls: Vec<SourceCall>,
    /// The key of the artifact that the holder publishes and has not registered yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    publishing: Option<String>,
    #[serde(default)]
    holder: String,
    #[serde(default)]
    done: u64,
    #[serde(default)]
    total: Option<u64>,
}

impl ModelLockText {
    /// Returns the text that the next holder begins with.
    fn passed_on(self, holder: String) -> Self {
        Self {
            calls: self.calls,
            publishing: self.publishing.filter(|key| is_sha256(key)),
            holder,
            done: 0,
            total: None,
        }
    }
}

/// The texts of the model locks whose files this process could not write, by path.
static UNWRITTEN: Mutex<BTreeMap<PathBuf, Unwritten>> = Mutex::new(BTreeMap::new());

#[derive(Debug, Default)]
struct Unwritten {
    text: ModelLockText,
    /// Whether a thread of this process holds the lock without a kernel lock.
    is_held: bool,
    /// The file as it was when the text could not be written. Once it is another one, another process
    /// wrote a later text.
    file: Option<FileStamp>,
}

fn unwritten() -> MutexGuard<'static, BTreeMap<PathBuf, Unwritten>> {
    UNWRITTEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tries to take the lock of a model, without waiting.
///
/// # Errors
///
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
    let mut file = match opened.map_err(CatalogError::of_writing) {
        Ok(file) => file,
        Err(CatalogError::NotWritable { .. }) => return Ok(try_lock_in_process(path)),
        Err(error) => return Err(error),
    };
    loop {
        let locking = state.artifacts.locking();
        match FileLock::try_acquire(file, &path, LockMode::Exclusive, locking)? {
            Ok(lock) if is_at(lock.file(), &path)? => {
                let before = text_of(&path, lock.file()).unwrap_or_default();
                let mut lock = ModelLock {
                    text: Box::new(before.passed_on(describe_this_process())),
                    lock: Some(lock),
                    path,
                };
                let _ = lock.write();
                return Ok(ModelLockAttempt::Begun(lock));
            }
            // Somebody deleted it: others lock the new one.
            Ok(deleted) => {
                drop(deleted);
                file = open_lock(&path)?;
            }
            Err(file) => return Ok(ModelLockAttempt::Taken(status(text_of(&path, &file)))),
        }
    }
}

/// Tries to take a lock that only the threads of this process see.
fn try_lock_in_process(path: PathBuf) -> ModelLockAttempt {
    let mut all = unwritten();
    let kept = all.entry(path.clone()).or_default();
    if kept.is_held {
        return ModelLockAttempt::Taken(status(Some(kept.text.clone())));
    }
    kept.is_held = true;
    kept.text = std::mem::take(&mut kept.text).passed_on(describe_this_process());
    ModelLockAttempt::Begun(ModelLock {
        lock: None,
        text: Box::new(kept.text.clone()),
        path,
    })
}

fn status(text: Option<ModelLockText>) -> ModelLockStatus {
    let Some(text) = text else {
        return ModelLockStatus::default();
    };
    ModelLockStatus {
        holder: text.holder,
        progress: Progress {
            done: text.done,
            total: text.total,
        },
        calls: Some(text.calls),
    }
}

impl ModelLock {
    /// Returns the latest source calls that ended, one for each terms.
    pub fn calls(&self) -> &[SourceCall] {
        &self.text.calls
    }

    /// Reports progress to those who wait.
    pub fn report(&mut self, progress: Progress) {
        self.text.done = progress.done;
        self.text.total = progress.total;
        let _ = self.write();
    }

    /// Reports that a source call ended, for callers with these terms.
    pub fn end_call(&mut self, terms: &str, failure: Option<SourceFailure>) {
        static ENDED: AtomicU64 = AtomicU64::new(0);
        let number = ENDED.fetch_add(1, Ordering::Relaxed);
        let calls = &mut self.text.calls;
        calls.retain(|call| call.terms != terms);
        calls.insert(
            0,
            SourceCall {
                id: format!("{}-{}-{number}", now_ms(), std::process::id()),
                terms: terms.to_owned(),
                failure,
            },
        );
        calls.truncate(MAX_CALLS);
        let _ = self.write();
    }

    /// Returns true if only the threads of this process see the lock, because its file cannot be
    /// written.
    pub fn is_of_this_process(&self) -> bool {
        self.lock.is_none()
    }

    /// Names the key of the artifact that is published next, durably: if this process dies before
    /// the artifact is registered, the next holder finds the key.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`] if the key does not reach the disk.
    pub fn announce(&mut self, key: &str) -> Result<()> {
        self.text.publishing = Some(key.to_owned());
        let written = self.write();
        let folder = self.path.parent().unwrap_or(&self.path);
        let durable = match &self.lock {
            None => Ok(()),
            Some(lock) => written
                .and_then(|()| lock.file().sync_all())
                .and_then(|()| sync_folder(folder)),
        };
        durable.map_err(|error| CatalogError::io("write", &self.path, error))
    }

    /// Returns the key of the artifact that a holder announced and did not register.
    pub fn announced(&self) -> Option<&str> {
        self.text.publishing.as_deref()
    }

    /// Reports that the announced artifact is registered, or that nobody needs it.
    pub fn withdraw(&mut self) {
        self.text.publishing = None;
    }

    /// Writes the text. Most callers ignore a failure: then the threads of this process read the text
    /// from memory, and other processes wait without seeing progress.
    fn write(&mut self) -> io::Result<()> {
        let text = serde_json::to_string(&*self.text).expect("it has only text and numbers");
        let written = match &mut self.lock {
            None => Ok(()),
            Some(lock) => {
                let file = lock.file_mut();
                file.rewind()
                    .and_then(|()| file.write_all(text.as_bytes()))
                    .and_then(|()| file.set_len(text.len() as u64))
            }
        };
        let mut all = unwritten();
        if self.lock.is_some() && written.is_ok() {
            all.remove(&self.path);
            return Ok(());
        }
        if let Err(error) = &written {
            let path = self.path.display();
            tracing::debug!(%path, %error, "a model lock could not be described");
        }
        let kept = all.entry(self.path.clone()).or_default();
        kept.text = (*self.text).clone();
        kept.file = self.lock.as_ref().and_then(|lock| stamp_of(lock.file()));
        written
    }
}

fn stamp_of(file: &File) -> Option<FileStamp> {
    file.metadata().ok().map(|found| FileStamp::of(&found))
}

impl Drop for ModelLock {
    fn drop(&mut self) {
        *self.text = std::mem::take(&mut *self.text).passed_on(String::new());
        let _ = self.write();
        if self.lock.is_none()
            && let Some(kept) = unwritten().get_mut(&self.path)
        {
            kept.is_held = false;
        }
    }
}

/// Returns the text of a lock: the text that this process could not write, unless another process
/// wrote a later one, or the text of the file.
fn text_of(path: &Path, file: &File) -> Option<ModelLockText> {
    let stamp = stamp_of(file);
    let all = unwritten();
    let kept = all.get(path).filter(|kept| kept.file == stamp);
    match kept.map(|kept| kept.text.clone()) {
        Some(text) => Some(text),
        None => read(file),
    }
}

/// Reads the text of the file. Returns `None` if the holder is writing the text just now, or if the
/// file holds something else.
fn read(mut file: &File) -> Option<ModelLockText> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(MAX_LEN).read_to_string(&mut text).ok()?;
    if text.is_empty() {
        return Some(ModelLockText::default());
    }
    serde_json::from_str(&text).ok()
}
