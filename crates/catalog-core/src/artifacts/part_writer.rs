//! The writer of a file that a later process can continue.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::journal::Partial;
use super::staging_journal::StagingJournal;
use crate::digest::Digest;
use crate::error::{CatalogError, Result};

/// The first bytes of a [`ResumableFile`](super::ResumableFile): their number, and their SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashedPrefix {
    pub(super) len: u64,
    pub(super) sha256: [u8; 32],
}

impl HashedPrefix {
    /// Returns the SHA-256 of the bytes.
    pub fn digest(&self) -> Digest {
        Digest {
            algo: "sha256".to_owned(),
            value: hex::encode(self.sha256),
        }
    }
}

/// The number of bytes that one system call writes. For a larger write, Linux allocates larger pages for its cache.
/// In a virtual machine, the host may have taken these pages back. The write then waits for the host, and a download
/// took twice as long. If the host has not taken the pages back, 2 GiB take 0.6 s in small writes and 0.4 s in large
/// ones.
const WRITE_SIZE: usize = 16 << 10;

/// A handle that writes parts of a [`ResumableFile`](super::ResumableFile). Clones write the same file.
#[derive(Debug, Clone)]
pub struct PartWriter(pub(super) Arc<Target>);

/// The file of a [`PartWriter`].
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) source_version: String,
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// This lock is held while bytes are written. Linux lets only one thread write to a file at a time. Without the
    /// lock, the other threads would use processor time to wait.
    pub(super) write_lock: Mutex<()>,
    pub(super) journal: Arc<StagingJournal>,
}

impl PartWriter {
    /// Writes bytes at a position. The caller has reserved space for them.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`] if the bytes cannot be written.
    pub fn write_at(&self, bytes: &[u8], position: u64) -> Result<()> {
        self.0.write_at(bytes, position)
    }

    /// Makes the first bytes of the file durable, and records that in the journal of the staging
    /// area. All of them must have been written. From then on they survive this process.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`] if the file cannot be synced or the journal cannot be written.
    pub fn keep(&self, prefix: HashedPrefix) -> Result<()> {
        self.0.keep(prefix)
    }
}

impl Target {
    pub(super) fn write_at(&self, bytes: &[u8], position: u64) -> Result<()> {
        let _lock = self
            .write_lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let pieces = bytes
            .chunks(WRITE_SIZE)
            .zip((position..).step_by(WRITE_SIZE));
        for (piece, position) in pieces {
            let written = self.file.write_all_at(piece, position);
            written.map_err(|error| CatalogError::io("write", &self.path, error))?;
        }
        Ok(())
    }

    pub(super) fn keep(&self, prefix: HashedPrefix) -> Result<()> {
        let synced = self.file.sync_data();
        synced.map_err(|error| CatalogError::io("sync", &self.path, error))?;
        let partial = Partial {
            source_version: self.source_version.clone(),
            durable: prefix.len,
            sha256: hex::encode(prefix.sha256),
        };
        self.journal.note(&self.name, partial)
    }
}
