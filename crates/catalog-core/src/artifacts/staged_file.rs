use std::fs::File;
use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

use super::manifest_file::Sharing;
use super::staging::{Freshness, Staging};
use crate::digest::FileContent;
use crate::error::{CatalogError, Result};

/// A file of a [`Staging`] that is hashed while it is written. If the caller does not
/// [finish](Self::finish) it, [`Staging::verify`] hashes the file.
#[derive(Debug)]
pub struct StagedFile<'s> {
    staging: &'s mut Staging,
    name: String,
    file: File,
    hash: Sha256,
    size: u64,
}

impl Staging {
    /// Creates a file that is hashed while it is written. Its name is relative; its parts are
    /// joined by `/`.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NameRefused`] if the name leads out of the folder, or if it is a name that
    /// some systems do not support; [`CatalogError::Io`] if a file with this name exists.
    pub fn create(&mut self, name: &str) -> Result<StagedFile<'_>> {
        let file = self.create_empty(name)?;
        Ok(StagedFile {
            staging: self,
            name: name.to_owned(),
            file,
            hash: Sha256::new(),
            size: 0,
        })
    }
}

impl StagedFile<'_> {
    /// Syncs the file, and records its digest.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`] if the file cannot be synced.
    pub fn finish(self) -> Result<()> {
        let path = self.staging.folder().join(&self.name);
        self.file
            .sync_all()
            .map_err(|error| CatalogError::io("sync", &path, error))?;
        let content = FileContent {
            name: self.name,
            size: self.size,
            sha256: self.hash.finalize().into(),
        };
        let freshness = Freshness::Settled;
        self.staging
            .note(&path, content, Sharing::Nothing, freshness)
    }
}

impl Write for StagedFile<'_> {
    /// Writes bytes. The error contains a [`CatalogError`] if no space could be reserved.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let noted = self.staging.note_written(bytes.len() as u64);
        noted.map_err(|error| {
            let kind = match &error {
                CatalogError::NoSpace { .. } => io::ErrorKind::StorageFull,
                _ => io::ErrorKind::Other,
            };
            io::Error::new(kind, error)
        })?;
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
