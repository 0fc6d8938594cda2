use super::root_state::RootState;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::digest::Hasher;
use crate::error::{CatalogError, Result};
use crate::root::{
    FileLock, LockMode, create_own_folder, describe_this_process, is_at, now_ms, open_lock,
};

/// More than anybody writes about a flight.
const MAX_LEN: u64 = 64 << 10;

/// The right to make one model present, held until it is dropped or the process dies.
///
/// It is a kernel lock on a file of its own for each model, so any number of threads and processes
/// ask for it, one has it, and models do not wait for each other. The file says how far its holder
/// is, for those who wait; it is never deleted.
#[derive(Debug)]
pub struct ModelLock {
    lock: FileLock,
    path: PathBuf,
    before: Option<Box<ModelLockFailure>>,
    text: Box<ModelLockText>,
    is_kept: bool,
}

/// A try to begin a flight.
#[derive(Debug)]
pub enum ModelLockAttempt {
    /// The caller has it.
    Begun(ModelLock),
    /// Somebody else has it.
    Taken(ModelLockStatus),
}

/// What the holder of a flight says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ModelLockStatus {
    /// The process: its id, since when in seconds since 1970, its program; empty if it has not
    /// said so yet.
    pub holder: String,
    /// How many bytes it has.
    pub done: u64,
    /// Of how many, if it knows.
    pub total: Option<u64>,
}

/// How a flight failed, for those who waited for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModelLockFailure {
    /// What was asked for, as its holder puts it: the failure concerns those who ask the same.
    pub terms: String,
    /// The stable code of the error.
    pub code: String,
    /// Its message, without secrets.
    pub detail: String,
    /// Whether trying again may succeed with nothing mended by hand.
    pub is_retryable: bool,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

impl ModelLockFailure {
    /// One that happened now.
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

/// Asks for the flight of a model, without waiting.
///
/// # Errors
///
/// [`CatalogError::NotWritable`], [`CatalogError::LocksUnsupported`],
/// [`CatalogError::RootChanged`].
pub(crate) fn try_lock_model(state: &RootState, id: &str) -> Result<ModelLockAttempt> {
    state.root.check_present()?;
    let layout = state.root.layout();
    let mut name = Hasher::new();
    name.update(id.as_bytes());
    let path = layout.flight(&name.finish().value);
    let opened = create_own_folder(&layout.locks())
        .and_then(|()| create_own_folder(&layout.flights()))
        .and_then(|()| open_lock(&path));
    let mut file = opened.map_err(CatalogError::of_writing)?;
    loop {
        let locking = state.artifacts.locking();
        match FileLock::try_acquire(file, &path, LockMode::Exclusive, locking)? {
            Ok(lock) if is_at(lock.file(), &path)? => {
                let before = read(lock.file()).failed.map(Box::new);
                let mut flight = ModelLock {
                    lock,
                    path,
                    before,
                    text: Box::new(ModelLockText {
                        holder: describe_this_process(),
                        ..ModelLockText::default()
                    }),
                    is_kept: false,
                };
                flight.write();
                return Ok(ModelLockAttempt::Begun(flight));
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
    /// How the flight before this one failed, if it did.
    pub fn failure_before(&self) -> Option<&ModelLockFailure> {
        self.before.as_deref()
    }

    /// Tells those who wait how far it is.
    pub fn report(&mut self, done: u64, total: Option<u64>) {
        self.text.done = done;
        self.text.total = total;
        self.write();
    }

    /// Ends it, and tells those who waited that it failed.
    pub fn fail(mut self, failure: ModelLockFailure) {
        self.text.failed = Some(failure);
        self.write();
        self.is_kept = true;
    }

    /// Ends it, and leaves what the one before said for others who wait.
    pub fn release_keeping_failure(mut self) {
        self.text.failed = self.before.take().map(|failure| *failure);
        self.write();
        self.is_kept = true;
    }

    /// Best effort: those who wait see less of it then, and wait all the same.
    fn write(&mut self) {
        let text = serde_json::to_string(&*self.text).expect("it has only text and numbers");
        let file = self.lock.file_mut();
        let written = file
            .rewind()
            .and_then(|()| file.write_all(text.as_bytes()))
            .and_then(|()| file.set_len(text.len() as u64));
        if let Err(error) = written {
            tracing::debug!(path = %self.path.display(), %error, "a flight could not be described");
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

/// What the file says; nothing if it is being written just now.
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
