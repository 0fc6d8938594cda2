//! Completes an artifact that is there already and lacks files, or has others in their places.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::blob::Blob;
use super::lease::{LeaseLock, try_lock};
use super::link::{link_over, stamp_of};
use super::manifest::Manifest;
use super::strangers::strangers;
use super::verify::VerifiedStaging;
use crate::error::{CatalogError, Result};
use crate::root::{ArtifactFolder, LockMode, create_folders, is_absence, sync_folder};

/// The result of moving an artifact to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    New,
    /// The artifact was there already.
    Completed,
    /// The artifact was not moved: there are blobs that were not checked yet, or a lease on an artifact that
    /// is damaged.
    Not,
}

/// The kind of thing that an artifact has at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
}

impl VerifiedStaging {
    /// Completes an existing artifact: replaces each file that is missing or that differs from the
    /// newly verified one.
    pub(super) fn complete(
        &self,
        staged: &ArtifactFolder,
        target: &ArtifactFolder,
        blobs: &[Blob],
        spare: &Path,
    ) -> Result<Placed> {
        let is_damaged = match Manifest::read(target) {
            Ok(manifest) => manifest.is_none(),
            Err(CatalogError::StoreDamaged { .. }) => true,
            // Such as that of a newer release.
            Err(error) => return Err(error),
        };
        // The leases on the artifact are locks on the file that is replaced.
        let _lock = match is_damaged && is_file(&target.manifest()) {
            true => match try_lock(
                &target.manifest(),
                LockMode::Exclusive,
                self.staging.store.locking(),
            )? {
                LeaseLock::Taken => return Ok(Placed::Not),
                LeaseLock::Held(lock) => Some(lock),
                LeaseLock::Gone => None,
            },
            false => None,
        };
        let mut is_changed = self.quarantine_foreign(target)?;
        for (file, blob) in self.manifest.files.iter().zip(blobs) {
            let ours = staged.files().join(&file.name);
            let theirs = target.files().join(&file.name);
            let present = stamp_of(&theirs)?;
            let is_good = match (&present, blob) {
                (Some(now), Blob::Good(seen, _) | Blob::Cloned(seen, ..)) => {
                    now.is_same_content(seen)
                }
                (Some(now), _) => stamp_of(&ours)?.is_some_and(|ours| ours.is_same_file(now)),
                (None, _) => false,
            };
            if !is_good {
                let folder = theirs.parent().expect("it is in the folder of files");
                create_folders(self.staging.store.layout(), folder)
                    .map_err(|error| CatalogError::io("create folder", folder, error))?;
                link_over(&ours, &theirs, spare)?;
                is_changed = true;
            }
        }
        is_changed |= self.quarantine_unlisted_files(target)?;
        if is_damaged {
            link_over(&staged.manifest(), &target.manifest(), spare)?;
            is_changed = true;
        }
        if is_changed {
            sync_folders(target, &self.manifest)?;
        }
        Ok(Placed::Completed)
    }
}

impl VerifiedStaging {
    /// Moves each link, pipe, file or folder into quarantine that lies where the artifact has something of
    /// another kind. Returns whether there were any.
    fn quarantine_foreign(&self, target: &ArtifactFolder) -> Result<bool> {
        let files = target.files();
        let mut is_changed = self.quarantine_unless(Kind::File, &target.manifest())?;
        is_changed |= self.quarantine_unless(Kind::Folder, &files)?;
        for file in &self.manifest.files {
            let mut path = files.clone();
            let mut parts = file.name.split('/').peekable();
            while let Some(part) = parts.next() {
                path.push(part);
                let kind = match parts.peek() {
                    Some(_) => Kind::Folder,
                    None => Kind::File,
                };
                is_changed |= self.quarantine_unless(kind, &path)?;
            }
        }
        Ok(is_changed)
    }

    /// Moves what lies at a path into quarantine, unless it is of this kind. Returns whether it did.
    pub(super) fn quarantine_unless(&self, kind: Kind, path: &Path) -> Result<bool> {
        let is_foreign = match fs::symlink_metadata(path) {
            Ok(found) if kind == Kind::File => !found.is_file(),
            Ok(found) => !found.is_dir(),
            Err(error) if is_absence(&error) => false,
            Err(error) => return Err(CatalogError::io("look at", path, error)),
        };
        if is_foreign {
            let kept = self.staging.store.set_aside(path, &self.manifest)?;
            tracing::warn!(
                path = %path.display(), kept = %kept.display(),
                "something lies where a model has a file or folder: moved to quarantine"
            );
        }
        Ok(is_foreign)
    }

    /// Moves files into quarantine that are in the folder of an artifact and not part of it: a user
    /// of the folder would use them. Returns whether there were any.
    fn quarantine_unlisted_files(&self, target: &ArtifactFolder) -> Result<bool> {
        let found = strangers(&target.files(), &self.manifest)?;
        for stranger in &found {
            let kept = self
                .staging
                .store
                .set_aside(&stranger.path, &self.manifest)?;
            tracing::warn!(
                path = %stranger.path.display(), kept = %kept.display(),
                "a file is no part of the model it lies in: moved to quarantine"
            );
        }
        Ok(!found.is_empty())
    }
}

/// Makes the names of all files of an artifact durable, and those of the folders they are in.
pub(super) fn sync_folders(artifact: &ArtifactFolder, manifest: &Manifest) -> Result<()> {
    let files = artifact.files();
    let mut folders = BTreeSet::from([files.clone(), artifact.path().to_path_buf()]);
    for file in &manifest.files {
        let ancestors = Path::new(&file.name).ancestors().skip(1);
        folders.extend(ancestors.map(|name| match name.as_os_str().is_empty() {
            true => files.clone(),
            false => files.join(name),
        }));
    }
    folders.iter().try_for_each(|folder: &PathBuf| {
        sync_folder(folder).map_err(|error| CatalogError::io("sync folder", folder, error))
    })
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}
