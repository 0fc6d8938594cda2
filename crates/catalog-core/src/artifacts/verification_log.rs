//! `verifications.jsonl`: one line per verification, the proof of what was found, and when.
//!
//! Lines are only ever appended, each with a checksum of its own, so that a torn one spoils nothing
//! but itself. When the file has grown enough, it is replaced by one with the latest line of each
//! model; so the latest outcome is never lost. Writers hold `locks/verifications.lock`.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fingerprint::Fingerprint;
use crate::digest::{Digest, seal, unseal};
use crate::error::{CatalogError, Result};
use crate::root::{
    FileStamp, Locking, StoreLock, StoreRoot, WriterLock, create_whole, open_or_create_own_file,
    open_own_file,
};

/// A file that is not longer is never replaced.
const MIN_ROTATED: u64 = 1 << 20;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogLine {
    pub(crate) id: String,
    /// As the index has it.
    pub(crate) path: String,
    /// What was expected of it.
    pub(crate) digest: Option<Digest>,
    pub(crate) outcome: LoggedOutcome,
    /// When the verification began, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    pub(crate) fingerprint: Fingerprint,
    /// Whether an equal fingerprint later proves that nothing changed since.
    pub(crate) is_settled: bool,
}

/// How a verification ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LoggedOutcome {
    Pass,
    Warn,
    Fail,
}

/// A line with its place among all lines.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    pub(crate) line: LogLine,
    /// Counts lines; a later one has a greater number.
    pub(crate) number: u64,
    /// When it last passed, in milliseconds since 1970.
    pub(crate) last_pass_ms: Option<u64>,
}

/// The log of a root, and what of it was read.
#[derive(Debug)]
pub(crate) struct VerificationLog {
    root: StoreRoot,
    path: PathBuf,
    locking: Locking,
    lock_wait: Duration,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Kept open so that its inode stays taken.
    file: Option<(File, FileStamp)>,
    /// Up to where it was read.
    offset: u64,
    lines: u64,
    latest: HashMap<String, Logged>,
}

impl VerificationLog {
    pub(crate) fn new(root: StoreRoot, locking: Locking, lock_wait: Duration) -> Self {
        Self {
            path: root.layout().verifications(),
            root,
            locking,
            lock_wait,
            known: Mutex::default(),
        }
    }

    /// How many lines were read so far.
    pub(crate) fn lines(&self) -> Result<u64> {
        Ok(self.read()?.lines)
    }

    /// The latest line of a model.
    pub(crate) fn latest(&self, id: &str) -> Result<Option<Logged>> {
        Ok(self.read()?.latest.get(id).cloned())
    }

    /// Calls `with` on the latest line of a model, without copying it.
    pub(crate) fn with_latest<T>(
        &self,
        id: &str,
        with: impl FnOnce(Option<&Logged>) -> T,
    ) -> Result<T> {
        Ok(with(self.read()?.latest.get(id)))
    }

    /// Adds a line. One that tells of a failure is durable on return; another that is lost costs
    /// one more verification.
    pub(crate) fn append(&self, line: &LogLine) -> Result<()> {
        let json = serde_json::to_string(line).expect("it has only text and numbers");
        let text = format!("{}\n", seal(&json));
        let lock = self.lock()?;
        let done = self.append_text(&text, line.outcome == LoggedOutcome::Fail);
        let done = done.and_then(|len| match len {
            0..=MIN_ROTATED => Ok(()),
            len => self.rotate_if_grown(len),
        });
        lock.release();
        done
    }

    fn lock(&self) -> Result<WriterLock> {
        self.root.check_present()?;
        WriterLock::acquire(
            self.root.layout(),
            StoreLock::Verifications,
            self.locking,
            &crate::progress::Limits::none(),
            self.lock_wait,
        )
        .map_err(CatalogError::of_writing)
    }

    /// Appends, and gives the length of the file then.
    fn append_text(&self, text: &str, is_durable: bool) -> Result<u64> {
        let failed = |error| CatalogError::io("append to", &self.path, error).of_writing();
        let options = OpenOptions::new().read(true).append(true).clone();
        let mut file = open_or_create_own_file(&self.path, &options)?;
        let len = file.metadata().map_err(failed)?.len();
        let mut last = [b'\n'];
        if len > 0 {
            file.seek(SeekFrom::Start(len - 1)).map_err(failed)?;
            file.read_exact(&mut last).map_err(failed)?;
        }
        // Behind a line that was torn by a crash, a new one begins.
        let text = match last {
            [b'\n'] => text.to_owned(),
            _ => format!("\n{text}"),
        };
        file.write_all(text.as_bytes()).map_err(failed)?;
        if is_durable {
            file.sync_all().map_err(failed)?;
        }
        Ok(len + text.len() as u64)
    }

    /// Replaces the file by the latest line of each model, if that halves it.
    fn rotate_if_grown(&self, len: u64) -> Result<()> {
        let known = self.read()?;
        let mut latest: Vec<&Logged> = known.latest.values().collect();
        latest.sort_unstable_by_key(|logged| logged.number);
        let mut text = String::new();
        for logged in latest {
            let json = serde_json::to_string(&logged.line).expect("it has only text and numbers");
            text.push_str(&seal(&json));
            text.push('\n');
        }
        drop(known);
        if text.len() as u64 > len / 2 {
            return Ok(());
        }
        create_whole(&self.path, text.as_bytes())
    }

    /// What is in the file now.
    fn read(&self) -> Result<MutexGuard<'_, Known>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = match fs::symlink_metadata(&self.path) {
            Ok(metadata) => FileStamp::of(&metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                *known = Known::default();
                return Ok(known);
            }
            Err(error) => return Err(CatalogError::io("look at", &self.path, error)),
        };
        match &known.file {
            Some((_, stamp)) if *stamp == now => return Ok(known),
            // It is appended to; one that did not grow was edited.
            Some((_, stamp)) if stamp.is_same_file(&now) && stamp.size() < now.size() => {}
            _ => *known = Known::default(),
        }
        self.read_on(&mut known)?;
        Ok(known)
    }

    /// Reads the lines that were appended since.
    fn read_on(&self, known: &mut Known) -> Result<()> {
        let failed = |error| CatalogError::io("read", &self.path, error);
        let Some(mut file) = open_own_file(&self.path, OpenOptions::new().read(true))? else {
            return Ok(());
        };
        let stamp = FileStamp::of(&file.metadata().map_err(failed)?);
        file.seek(SeekFrom::Start(known.offset)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        // What is behind the last newline is still being written.
        let end = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        for line in bytes[..end].split(|byte| *byte == b'\n') {
            known.take(line);
        }
        known.offset += end as u64;
        known.file = Some((file, stamp));
        Ok(())
    }
}

impl Known {
    /// Takes a line, unless it is damaged.
    fn take(&mut self, line: &[u8]) {
        let object = std::str::from_utf8(line)
            .ok()
            .and_then(|line| unseal(line).ok());
        let Some(line) = object.and_then(|object| serde_json::from_str::<LogLine>(&object).ok())
        else {
            return;
        };
        self.lines += 1;
        let last_pass_ms = match line.outcome {
            LoggedOutcome::Pass => Some(line.at_ms),
            _ => self
                .latest
                .get(&line.id)
                .and_then(|before| before.last_pass_ms),
        };
        let logged = Logged {
            number: self.lines,
            last_pass_ms,
            line,
        };
        self.latest.insert(logged.line.id.clone(), logged);
    }
}
