//! The partial files that a dead process, or a call that failed, left in its staging area.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::claim::{Claim, Owner, owner_of};
use super::journal::{Journal, Partial};
use super::staging::Staging;
use crate::error::{CatalogError, Result};
use crate::reference::shown_id;
use crate::root::{
    FileLock, FileStamp, HeldFolder, Modes, StagingFolder, list_folder, open_own_file,
    remove_artifact, set_mode,
};

/// A partial file in the staging area of a dead process.
pub(super) struct Found {
    pub(super) folder: StagingFolder,
    pub(super) claim: FileLock,
    pub(super) journal: Journal,
    pub(super) path: PathBuf,
    /// The path of the file in its opened folder.
    pub(super) reached: PathBuf,
    _parent: HeldFolder,
    inode: u64,
    pub(super) partial: Partial,
    pub(super) is_own: bool,
}

impl Found {
    /// Opens the file for reading. Returns `None` if something else is in its place now.
    pub(super) fn open(&self) -> Result<Option<File>> {
        let opened = open_own_file(&self.reached, OpenOptions::new().read(true));
        let Ok(Some(file)) = opened else {
            return Ok(None);
        };
        let metadata = file.metadata();
        let metadata = metadata.map_err(|error| CatalogError::io("look at", &self.path, error))?;
        let is_found = metadata.nlink() == 1 && metadata.ino() == self.inode;
        Ok(is_found.then_some(file))
    }
}

impl Staging {
    /// Returns the largest partial file of this name and version that a dead process left. Removes
    /// the partial files of this name and another version. The caller holds the lock of artifacts.
    pub(super) fn find_partial(&self, name: &str, source_version: &str) -> Result<Option<Found>> {
        let own = self.folder.path();
        let own_account = fs::symlink_metadata(own)
            .map(|metadata| metadata.uid())
            .ok();
        let mut best: Option<Found> = None;
        for (path, kind) in list_folder(&self.store.layout().staging())? {
            let folder = StagingFolder::new(path);
            if !kind.is_dir() || folder.path() == own {
                continue;
            }
            let Some(journal) = Journal::read(&folder) else {
                continue;
            };
            let partial = journal.files.get(name);
            let partial = partial.filter(|_| journal.id == self.id.as_str());
            let Some(partial) = partial.cloned() else {
                continue;
            };
            if partial.source_version != source_version {
                // The owner may have written its journal again before it died.
                if let Owner::Died(Some(claim)) = owner_of(&folder, self.store.locking())?
                    && Journal::read(&folder).as_ref() == Some(&journal)
                {
                    self.remove_partial(folder, claim, journal, name);
                }
                continue;
            }
            let durable = partial.durable;
            if best
                .as_ref()
                .is_some_and(|best| best.partial.durable >= durable)
            {
                continue;
            }
            // A link in the place of a folder could lead out of the store.
            let path = folder.artifact().files().join(name);
            let Ok(Some(parent)) = HeldFolder::of(&path) else {
                continue;
            };
            let reached = parent.reach(&path)?;
            let Ok(metadata) = fs::symlink_metadata(&reached) else {
                continue;
            };
            // A file with another name may be a blob of the store, which must not be written.
            let is_usable =
                metadata.is_file() && metadata.nlink() == 1 && metadata.len() >= durable;
            if !is_usable || durable == 0 {
                continue;
            }
            if let Owner::Died(Some(claim)) = owner_of(&folder, self.store.locking())? {
                best = Some(Found {
                    is_own: own_account == Some(metadata.uid()),
                    folder,
                    claim,
                    journal,
                    path,
                    reached,
                    _parent: parent,
                    inode: metadata.ino(),
                    partial,
                });
            }
        }
        Ok(best)
    }

    /// Returns the number of bytes that dead processes left for this model, and that
    /// [`resumable`](Self::resumable) may take. They need no new space. Removes what dead processes
    /// left for this model and no process can continue.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`] if the staging areas cannot be listed.
    pub fn kept_by_earlier_calls(&self) -> Result<u64> {
        let own = self.folder.path();
        let mut kept: u64 = 0;
        if self.ignores_earlier_bytes {
            return Ok(kept);
        }
        let mut without_journal = Vec::new();
        for (path, kind) in list_folder(&self.store.layout().staging())? {
            let folder = StagingFolder::new(path);
            if !kind.is_dir() || folder.path() == own {
                continue;
            }
            let journal = Journal::read(&folder);
            if journal.is_none() {
                without_journal.push(folder);
                continue;
            }
            if let Some(journal) = journal.filter(|journal| journal.id == self.id.as_str())
                && let Owner::Died(Some(_)) = owner_of(&folder, self.store.locking())?
            {
                let durable = journal.files.values().map(|partial| partial.durable);
                kept = durable.fold(kept, u64::saturating_add);
            }
        }
        self.remove_remains(without_journal)?;
        Ok(kept)
    }

    /// Removes the staging areas of dead processes for this model that no process can continue.
    /// A failure leaves an area to a collection.
    fn remove_remains(&self, mut areas: Vec<StagingFolder>) -> Result<()> {
        let is_of_this_model = |folder: &StagingFolder| {
            let claim = Claim::read(&folder.claim()).ok().flatten();
            claim.is_some_and(|claim| claim.id == shown_id(self.id.as_str()))
        };
        areas.retain(is_of_this_model);
        if areas.is_empty() {
            return Ok(());
        }
        let lock = self.store.lock()?;
        for folder in areas {
            if let Owner::Died(Some(claim)) = owner_of(&folder, self.store.locking())?
                && Journal::read(&folder).is_none()
            {
                if let Err(error) = remove_artifact(folder.path()) {
                    let path = folder.path().display();
                    tracing::debug!(%path, %error, "the rest of an earlier call could not be removed");
                }
                drop(claim);
            }
        }
        drop(lock);
        Ok(())
    }

    /// Removes a file, if it is still there, from the journal of its staging area and from the area.
    /// Removes the area if it has no other file. A failure leaves the rest to a collection.
    pub(super) fn remove_partial(
        &self,
        folder: StagingFolder,
        claim: FileLock,
        mut journal: Journal,
        name: &str,
    ) {
        journal.files.remove(name);
        let removed = match journal.files.is_empty() {
            true => remove_artifact(folder.path()),
            false => journal
                .write(self.store.layout(), &folder)
                .and_then(|()| remove_artifact(&folder.artifact().files().join(name))),
        };
        if let Err(error) = removed {
            let path = folder.path().display();
            tracing::debug!(%path, %error, "a partial file could not be removed");
        }
        drop(claim);
    }

    /// Opens a partial file for writing after it was moved to a path, and cuts the bytes that may not be
    /// durable. `reader` is the file that was found.
    pub(super) fn open_moved(&self, path: &Path, reader: &File, kept: u64) -> Result<File> {
        let failed = |error| CatalogError::io("open", path, error);
        // A process that died while it published the file has set the mode of a blob.
        let mode = Modes::of(self.store.layout()).map_err(failed)?.file;
        set_mode(reader, mode).map_err(failed)?;
        let found = FileStamp::of(&reader.metadata().map_err(failed)?);
        let file = open_own_file(path, OpenOptions::new().read(true).write(true))?;
        if let Some(file) = file
            && FileStamp::of(&file.metadata().map_err(failed)?).is_same_file(&found)
        {
            file.set_len(kept).map_err(failed)?;
            return Ok(file);
        }
        Err(CatalogError::ArtifactChanged {
            path: path.to_path_buf(),
        })
    }
}
