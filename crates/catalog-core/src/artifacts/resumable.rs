//! Files of a staging area that a later process can continue.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use sha2::{Digest as _, Sha256};

use super::journal::Partial;
use super::manifest_file::Sharing;
use super::part_writer::{HashedPrefix, PartWriter, Target};
use super::staging::{Freshness, Staging};
use super::staging_journal::StagingJournal;
use crate::digest::{Digest, FileContent};
use crate::error::{CatalogError, Result};
use crate::root::{FileLock, StagingFolder, create_file, remove_artifact};

/// The number of bytes of a kept file that are read at once.
const READ: usize = 1 << 20;

/// A file of a [`Staging`] that outlives its process. If the process is killed, or its call fails,
/// the next call that stages the same version of the file continues it.
///
/// The owner writes bytes at any place with a [`PartWriter`], and passes all bytes to
/// [`hash`](Self::hash) in their order. The bytes that [`PartWriter::keep`] made durable are kept.
#[derive(Debug)]
pub struct ResumableFile {
    name: String,
    target: Arc<Target>,
    hash: Sha256,
    hashed: u64,
    /// The record of the bytes that an earlier call fetched, if it fetched any.
    kept: Option<Partial>,
    /// The file of another account that holds the kept bytes.
    donor: Option<Donor>,
}

/// A partial file of another account, with the lock on its staging area.
#[derive(Debug)]
struct Donor {
    file: File,
    path: PathBuf,
    folder: StagingFolder,
    /// Whether the journal of the staging area names no other file.
    is_alone: bool,
    _claim: FileLock,
}

impl Staging {
    /// Opens a file that a later process can continue. If a dead process, or a call that failed,
    /// left bytes of the same file with the same `source_version` for the same model, the file
    /// begins with these bytes: see [`ResumableFile::kept`]. After
    /// [`ignore_earlier_bytes`](Self::ignore_earlier_bytes), such bytes are not taken.
    ///
    /// The text `source_version` identifies the bytes at the source: a hash, a commit, or a strong
    /// validator with the size. It must hold no secret. If it is empty, no later process can
    /// continue the file.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NameRefused`] if the name leads out of the folder, and the errors of taking
    /// the lock of the store and of opening files.
    pub fn resumable(&mut self, name: &str, source_version: &str) -> Result<ResumableFile> {
        let path = self.path_for(name)?;
        let journal = self.journal();
        let mut kept = None;
        let mut donor = None;
        let may_continue = !self.ignores_earlier_bytes && !source_version.is_empty();
        let lock = may_continue.then(|| self.store.lock()).transpose()?;
        let found = match may_continue {
            true => self.find_partial(name, source_version)?,
            false => None,
        };
        let mut moved = None;
        if let Some(found) = found
            && let Some(file) = found.open()?
        {
            kept = Some(found.partial.clone());
            if found.is_own {
                // Wherever this process dies, the area with the file has a journal that names the
                // file: that of the dead process stays until the file is here.
                journal.note(name, found.partial.clone())?;
                fs::rename(&found.reached, &path)
                    .map_err(|error| CatalogError::io("rename to", &path, error))?;
                moved = Some(self.open_moved(&path, &file, found.partial.durable)?);
                self.remove_partial(found.folder, found.claim, found.journal, name);
            } else {
                donor = Some(Donor {
                    file,
                    path: found.path,
                    is_alone: found.journal.files.len() == 1,
                    folder: found.folder,
                    _claim: found.claim,
                });
            }
        }
        drop(lock);
        let file = match moved {
            Some(file) => file,
            None => create_file(self.store.layout(), &path)
                .map_err(|error| CatalogError::io("create", &path, error))?,
        };
        Ok(ResumableFile {
            name: name.to_owned(),
            target: Arc::new(Target {
                name: name.to_owned(),
                source_version: source_version.to_owned(),
                path,
                file,
                write_lock: Mutex::default(),
                journal,
            }),
            hash: Sha256::new(),
            hashed: 0,
            kept,
            donor,
        })
    }

    /// Records the digest of a file that was hashed as a whole. Its bytes need no other hash before
    /// they are published, which also makes them durable. Returns the digest.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ArtifactChanged`] if the file has another size than the hashed bytes,
    /// [`CatalogError::Io`] if the file cannot be looked at.
    pub fn complete(&mut self, file: ResumableFile) -> Result<Digest> {
        let path = &file.target.path;
        let failed = |error| CatalogError::io("look at", path, error);
        let size = file.target.file.metadata().map_err(failed)?.len();
        if size != file.hashed {
            return Err(CatalogError::ArtifactChanged { path: path.clone() });
        }
        let content = FileContent {
            name: file.name,
            size,
            sha256: file.hash.finalize().into(),
        };
        let digest = Digest::of_content(&content);
        self.note(path, content, Sharing::Nothing, Freshness::Settled)?;
        Ok(digest)
    }

    /// Removes all files that a later process could continue, because their bytes are wrong.
    pub fn discard_partial_files(&mut self) {
        self.discards = true;
    }

    /// Takes no bytes that earlier calls left, from now on. A caller that found such bytes to be
    /// wrong calls this and fetches all bytes again.
    pub fn ignore_earlier_bytes(&mut self) {
        self.ignores_earlier_bytes = true;
    }

    fn journal(&mut self) -> Arc<StagingJournal> {
        if let Some(journal) = &self.journal {
            return Arc::clone(journal);
        }
        let layout = self.store.layout();
        let new = Arc::new(StagingJournal::new(layout, &self.folder, &self.id));
        self.journal = Some(Arc::clone(&new));
        new
    }
}

impl ResumableFile {
    /// Returns the number of first bytes that an earlier call fetched. They must be read with
    /// [`read_kept`](Self::read_kept) before other bytes are hashed.
    pub fn kept(&self) -> u64 {
        self.kept.as_ref().map_or(0, |kept| kept.durable)
    }

    /// Returns the number of bytes that were hashed.
    pub fn hashed(&self) -> u64 {
        self.hashed
    }

    /// Reads and hashes the kept bytes, each byte once. If they belong to another account, the call
    /// copies them. Calls `on_bytes` with the bytes of each step. An error of `on_bytes` stops the
    /// call.
    ///
    /// Returns false if the bytes cannot be read, or are not the bytes that the earlier call wrote.
    /// From then on, the file has no kept and no hashed bytes. Then the caller [discards](Self::discard) the file, calls
    /// [`Staging::ignore_earlier_bytes`], and fetches all bytes.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`] if the bytes cannot be copied, and the error of `on_bytes`.
    pub fn read_kept(&mut self, on_bytes: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<bool> {
        let Some(kept) = self.kept.clone() else {
            return Ok(true);
        };
        let donor = self.donor.take();
        let mut buffer = vec![0; READ];
        while self.hashed < kept.durable {
            let most = READ.min((kept.durable - self.hashed) as usize);
            let (file, path) = match &donor {
                Some(donor) => (&donor.file, &donor.path),
                None => (&self.target.file, &self.target.path),
            };
            let read = match file.read_at(&mut buffer[..most], self.hashed) {
                Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read,
            };
            let read = match read {
                Ok(read) => read,
                Err(error) => {
                    let path = path.display();
                    tracing::warn!(%path, %error, "kept bytes of a file cannot be read");
                    self.forget_kept();
                    return Ok(false);
                }
            };
            let bytes = &buffer[..read];
            if donor.is_some() {
                self.target.write_at(bytes, self.hashed)?;
            }
            self.hash.update(bytes);
            self.hashed += read as u64;
            on_bytes(bytes)?;
        }
        if hex::encode(self.prefix().sha256) != kept.sha256 {
            let path = donor
                .as_ref()
                .map_or(&self.target.path, |donor| &donor.path);
            let path = path.display();
            tracing::warn!(%path, "kept bytes of a file have changed since they were written");
            self.forget_kept();
            return Ok(false);
        }
        if let Some(donor) = donor {
            self.target.keep(self.prefix())?;
            // If the folder of the other account cannot be removed, a collection of that account
            // removes it.
            let removed = match donor.is_alone {
                true => remove_artifact(donor.folder.path()),
                false => remove_artifact(&donor.path),
            };
            if let Err(error) = removed {
                let path = donor.folder.path().display();
                tracing::debug!(%path, %error, "a copied partial file could not be removed");
            }
        }
        Ok(true)
    }

    /// Begins again without the kept bytes, so that no later record contains their hash.
    fn forget_kept(&mut self) {
        self.kept = None;
        self.hash = Sha256::new();
        self.hashed = 0;
    }

    /// Hashes the next bytes of the file.
    pub fn hash(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.hashed += bytes.len() as u64;
    }

    /// Returns the bytes that were hashed.
    pub fn prefix(&self) -> HashedPrefix {
        HashedPrefix {
            len: self.hashed,
            sha256: self.hash.clone().finalize().into(),
        }
    }

    /// Returns a handle that writes parts of the file.
    pub fn writer(&self) -> PartWriter {
        PartWriter(Arc::clone(&self.target))
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.target.path
    }

    /// Removes the file, because it changed at its source.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`] if the file cannot be removed or the journal cannot be written.
    pub fn discard(self) -> Result<()> {
        let target = &self.target;
        target.journal.forget(&target.name)?;
        let removed = fs::remove_file(&target.path);
        removed.map_err(|error| CatalogError::io("remove", &target.path, error))
    }
}
