use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::model_lock_text::ModelLockText;
use super::root_state::RootState;
use super::source_call::{SourceCall, SourceFailure};
use crate::digest::Hasher;
use crate::error::{CatalogError, Result};
use crate::progress::Progress;
use crate::reference::ModelId;
use crate::root::{
    FileLock, LockMode, create_own_folder, describe_this_process, is_at, now_ms,
    open_or_create_own_file, sync_folder,
};

/// The lock of one model. Its holder alone may provision the model, until the lock is dropped or
/// the process dies.
///
/// Each model has a file of its own with a kernel lock, so calls for different models do not wait
/// for each other. Any number of threads and processes can try to take the lock, and one of them
/// holds it. The file states the progress of the holder and the latest source calls, for the
/// callers that wait. If the file cannot be written, only the threads of one process see the lock,
/// and other processes do not.
#[derive(Debug)]
pub struct ModelLock {
    /// The kernel lock. `None` if the file cannot be written.
    lock: Option<FileLock>,
    path: PathBuf,
    text: Box<ModelLockText>,
}

/// The result of [`try_lock_model`](crate::FsCatalog::try_lock_model).
#[derive(Debug)]
pub enum ModelLockAttempt {
    /// The caller has the lock.
    Begun(ModelLock),
    /// Another thread or process has the lock.
    Taken(ModelLockStatus),
}

/// The status of a model lock, as its holder reports it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ModelLockStatus {
    /// The holder: the id of its process, the time when it took the lock in seconds since 1970, and
    /// its program. The text is empty if the holder has not written it yet.
    pub holder: String,
    /// The progress of the holder.
    pub progress: Progress,
    /// The latest finished source calls, one for each text of terms. `None` if the file cannot be
    /// read at this moment.
    pub calls: Option<Vec<SourceCall>>,
}

impl ModelLockStatus {
    fn of(text: Option<ModelLockText>) -> Self {
        let Some(text) = text else {
            return Self::default();
        };
        Self {
            holder: text.holder,
            progress: Progress {
                done: text.done,
                total: text.total,
            },
            calls: Some(text.calls),
        }
    }
}

/// Tries to take the lock of a model, without waiting.
///
/// # Errors
///
/// [`CatalogError::LocksUnsupported`] if the file system has no locks,
/// [`CatalogError::RootChanged`] if the root is now another folder.
pub(crate) fn try_lock_model(state: &RootState, id: &ModelId) -> Result<ModelLockAttempt> {
    state.root.check_present()?;
    let layout = state.root.layout();
    let mut name = Hasher::new();
    name.update(id.as_bytes());
    let path = layout.model_lock(&name.finish().value);
    let opened = create_own_folder(layout, &layout.locks())
        .and_then(|()| create_own_folder(layout, &layout.model_locks()))
        .and_then(|()| open_or_create_own_file(layout, &path));
    let mut file = match opened.map_err(CatalogError::of_writing) {
        Ok(file) => file,
        Err(CatalogError::NotWritable { .. }) => return Ok(try_lock_in_process(path)),
        Err(error) => return Err(error),
    };
    loop {
        let locking = state.artifacts.locking();
        match FileLock::try_acquire(file, &path, LockMode::Exclusive, locking)? {
            Ok(mut lock) if is_at(lock.file(), &path)? => {
                let before = ModelLockText::of(&path, lock.file()).unwrap_or_default();
                lock.make_file_unshared(layout, &path)?;
                let mut lock = ModelLock {
                    text: Box::new(before.passed_on(describe_this_process())),
                    lock: Some(lock),
                    path,
                };
                let _ = lock.write();
                return Ok(ModelLockAttempt::Begun(lock));
            }
            // Another process deleted the file. Later callers lock the new file.
            Ok(deleted) => {
                drop(deleted);
                file = open_or_create_own_file(layout, &path)?;
            }
            Err(file) => {
                let text = ModelLockText::of(&path, &file);
                return Ok(ModelLockAttempt::Taken(ModelLockStatus::of(text)));
            }
        }
    }
}

fn try_lock_in_process(path: PathBuf) -> ModelLockAttempt {
    match ModelLockText::claim(&path, describe_this_process()) {
        Ok(text) => ModelLockAttempt::Begun(ModelLock {
            lock: None,
            text: Box::new(text),
            path,
        }),
        Err(taken) => ModelLockAttempt::Taken(ModelLockStatus::of(Some(taken))),
    }
}

impl ModelLock {
    /// Returns the latest finished source calls, one for each text of terms.
    pub fn calls(&self) -> &[SourceCall] {
        &self.text.calls
    }

    /// Reports progress to the callers that wait for the lock.
    pub fn report(&mut self, progress: Progress) {
        self.text.done = progress.done;
        self.text.total = progress.total;
        let _ = self.write();
    }

    /// Reports a finished source call to the callers with the same terms.
    pub fn end_call(&mut self, terms: &str, failure: Option<SourceFailure>) {
        static ENDED: AtomicU64 = AtomicU64::new(0);
        let number = ENDED.fetch_add(1, Ordering::Relaxed);
        self.text.add(SourceCall {
            id: format!("{}-{}-{number}", now_ms(), std::process::id()),
            terms: terms.to_owned(),
            failure,
        });
        let _ = self.write();
    }

    /// Returns true if only the threads of this process see the lock, because the file of the lock
    /// cannot be written.
    pub fn is_of_this_process(&self) -> bool {
        self.lock.is_none()
    }

    /// Writes the key of the artifact that the holder will publish next, and makes it durable. If
    /// this process dies before the artifact is registered, the next holder finds the key.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`] if the key cannot be written or synced.
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

    /// Returns the key of the artifact that a holder announced but did not register.
    pub fn announced(&self) -> Option<&str> {
        self.text.publishing.as_deref()
    }

    /// Removes the announced key, because the artifact is registered or no longer needed.
    pub fn withdraw(&mut self) {
        self.text.publishing = None;
    }

    /// Writes the text. Most callers ignore a failure. Then the threads of this process read the
    /// text from memory, and other processes wait and see no progress.
    fn write(&mut self) -> io::Result<()> {
        let Some(lock) = &mut self.lock else {
            self.text.keep(&self.path, None);
            return Ok(());
        };
        let written = self.text.write(lock.file_mut());
        match &written {
            Ok(()) => ModelLockText::forget(&self.path),
            Err(error) => {
                let path = self.path.display();
                tracing::debug!(%path, %error, "the state of a model lock could not be written");
                self.text.keep(&self.path, Some(lock.file()));
            }
        }
        written
    }
}

impl Drop for ModelLock {
    fn drop(&mut self) {
        *self.text = std::mem::take(&mut *self.text).passed_on(String::new());
        let _ = self.write();
        if self.is_of_this_process() {
            ModelLockText::release(&self.path);
        }
    }
}
