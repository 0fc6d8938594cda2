use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::source_call::SourceCall;
use crate::root::{FileStamp, is_sha256};

/// The maximum length of the file of a model lock, in bytes. No holder writes a longer text.
const MAX_LEN: u64 = 64 << 10;

/// The maximum number of source calls in a text. Each has other terms.
const MAX_CALLS: usize = 8;

/// The text in the file of a model lock. The source calls come first: their bytes stay in place
/// while the progress changes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct ModelLockText {
    #[serde(default)]
    pub(super) calls: Vec<SourceCall>,
    /// The key of the artifact that the holder publishes and has not registered yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) publishing: Option<String>,
    #[serde(default)]
    pub(super) holder: String,
    #[serde(default)]
    pub(super) done: u64,
    #[serde(default)]
    pub(super) total: Option<u64>,
}

impl ModelLockText {
    /// Returns the text with which the next holder begins.
    pub(super) fn passed_on(self, holder: String) -> Self {
        let mut calls = self.calls;
        calls.truncate(MAX_CALLS);
        Self {
            calls,
            publishing: self.publishing.filter(|key| is_sha256(key)),
            holder,
            done: 0,
            total: None,
        }
    }

    /// Adds a source call. It replaces an earlier call with the same terms.
    pub(super) fn add(&mut self, call: SourceCall) {
        self.calls.retain(|earlier| earlier.terms != call.terms);
        self.calls.insert(0, call);
        self.calls.truncate(MAX_CALLS);
    }

    pub(super) fn write(&self, file: &mut File) -> io::Result<()> {
        let text = serde_json::to_string(self).expect("it has only text and numbers");
        file.rewind()?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len() as u64)
    }

    /// Reads the text of a file. Returns `None` if the holder is just writing the text, or if the
    /// file holds another text.
    fn read(mut file: &File) -> Option<Self> {
        let mut text = String::new();
        file.rewind().ok()?;
        file.take(MAX_LEN).read_to_string(&mut text).ok()?;
        if text.is_empty() {
            return Some(Self::default());
        }
        serde_json::from_str(&text).ok()
    }

    /// Returns the text of a lock. If this process kept a text that it could not write, and no
    /// other process has written the file since, that text is returned. Otherwise the text of the
    /// file is returned.
    pub(super) fn of(path: &Path, file: &File) -> Option<Self> {
        let stamp = stamp_of(file);
        let unwritten = unwritten().get(path).cloned();
        match unwritten.filter(|unwritten| unwritten.file == stamp) {
            Some(unwritten) => Some(unwritten.text),
            None => Self::read(file),
        }
    }

    /// Keeps a text that could not be written, for the threads of this process. `file` is `None` if
    /// the file cannot be opened.
    pub(super) fn keep(&self, path: &Path, file: Option<&File>) {
        let mut all = unwritten();
        let unwritten = all.entry(path.to_path_buf()).or_default();
        unwritten.text = self.clone();
        unwritten.file = file.and_then(stamp_of);
    }

    /// Removes the kept text of a lock whose file has a later text.
    pub(super) fn forget(path: &Path) {
        unwritten().remove(path);
    }

    /// Takes a lock that only the threads of this process see, and returns its text. If another
    /// thread holds the lock, returns the text of that thread as the error.
    pub(super) fn claim(path: &Path, holder: String) -> Result<Self, Self> {
        let mut all = unwritten();
        let unwritten = all.entry(path.to_path_buf()).or_default();
        if unwritten.is_held {
            return Err(unwritten.text.clone());
        }
        unwritten.is_held = true;
        unwritten.text = std::mem::take(&mut unwritten.text).passed_on(holder);
        Ok(unwritten.text.clone())
    }

    /// Releases a lock that [`claim`](Self::claim) took.
    pub(super) fn release(path: &Path) {
        if let Some(unwritten) = unwritten().get_mut(path) {
            unwritten.is_held = false;
        }
    }
}

/// The texts of the model locks whose files this process could not write, by path.
static UNWRITTEN: Mutex<BTreeMap<PathBuf, Unwritten>> = Mutex::new(BTreeMap::new());

#[derive(Debug, Clone, Default)]
struct Unwritten {
    text: ModelLockText,
    /// Whether a thread of this process holds the lock without a kernel lock.
    is_held: bool,
    /// The stamp of the file when the text could not be written. If the stamp is different later,
    /// another process wrote a later text.
    file: Option<FileStamp>,
}

fn unwritten() -> MutexGuard<'static, BTreeMap<PathBuf, Unwritten>> {
    UNWRITTEN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stamp_of(file: &File) -> Option<FileStamp> {
    file.metadata().ok().map(|found| FileStamp::of(&found))
}
