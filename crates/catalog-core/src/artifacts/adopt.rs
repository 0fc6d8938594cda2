//! The partial files that a dead process, or a call that failed, left in its staging area.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::claim::{Claim, Owner, owner_of};
use super::journal::{Journal, Partial};
use super::staging::Staging;
use crate::error::{CatalogError, Result};
use crate::reference::shown_id;
use crate::root::{FileLock, Modes, StagingFolder, list_folder, remove_artifact, set_mode};

/// A partial file in the staging area of a dead process.
pub(super) struct Found {
    pub(super) folder: StagingFolder,
    pub(super) claim: FileLock,
    pub(super) journal: Journal,
    pub(super) path: PathBuf,
    pub(super) partial: Partial,
    pub(super) is_own: bool,
}

impl Staging {
    /// Returns the largest partial file of this name and version that a dead process left. The
    /// caller holds the lock of artifacts.
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
            let is_same = |partial: &&Partial| {
                journal.id == self.id.as_str() && partial.source_version == source_version
            };
            let Some(partial) = partial.filter(is_same).cloned() else {
                continue;
            };
            let durable = partial.durable;
            if best
                .as_ref()
                .is_some_and(|best| best.partial.durable >= durable)
            {
                continue;
            }
            let path = folder.artifact().files().join(name);
            let Ok(metadata) = fs::symlink_metadata(&path) else {
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

    /// Removes a file that was taken from the journal of its staging area, and the area if it is
    /// empty. A failure leaves the rest to a collection.
    pub(super) fn forget(&self, mut found: Found, name: &str) {
        found.journal.files.remove(name);
        let forgotten = match found.journal.files.is_empty() {
            true => remove_artifact(found.folder.path()),
            false => found.journal.write(self.store.layout(), &found.folder),
        };
        if let Err(error) = forgotten {
            let path = found.folder.path().display();
            tracing::debug!(%path, %error, "a taken partial file is still in its journal");
        }
        drop(found.claim);
    }

    /// Opens a file that was taken from another staging area, and cuts the bytes that may not be
    /// durable.
    pub(super) fn open_kept(&self, path: &Path, kept: u64) -> Result<File> {
        let failed = |error| CatalogError::io("open", path, error);
        let layout = self.store.layout();
        // A process that died while it published the file has set the mode of a blob.
        let reader = File::open(path).map_err(failed)?;
        let mode = Modes::of(layout).map_err(failed)?.file;
        set_mode(&reader, mode).map_err(failed)?;
        let options = OpenOptions::new().read(true).write(true).to_owned();
        let file = options.open(path).map_err(failed)?;
        file.set_len(kept).map_err(failed)?;
        Ok(file)
    }
}
