//! Completes an existing artifact that lacks files, or that has other files at their paths.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::blob::Blob;
use super::lease::{LeaseLock, try_lock};
use super::link::{link_over, stamp_of};
use super::manifest::Manifest;
use super::text_file::write_text;
use super::unexpected_files::unexpected_files;
use super::verify::VerifiedStaging;
use crate::error::{CatalogError, Result};
use crate::root::{ArtifactFolder, LockMode, create_folders, is_absence, sync_folder};

/// The result of moving an artifact to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    New,
    /// The artifact existed already, and was completed.
    Completed,
    /// The artifact was not moved: a blob is not in the state that was checked, or a damaged
    /// artifact has a lease.
    Not,
}

/// The kind of file that an artifact has at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
}

impl VerifiedStaging {
    /// Completes an existing artifact: replaces each file that is missing or that differs from the
    /// newly verified file.
    pub(super) fn complete(
        &self,
        staged: &ArtifactFolder,
        target: &ArtifactFolder,
        blobs: &[Blob],
        spare: &Path,
    ) -> Result<Placed> {
        let published = match Manifest::read(target) {
            Err(CatalogError::StoreDamaged { .. }) => None,
            // For example, a newer release wrote the manifest.
            read => read?,
        };
        let is_damaged = published.is_none();
        // The leases of the artifact are locks on the manifest, which is replaced.
        let _lock = match is_damaged && is_file(&target.manifest()) {
            true => match self.lock_manifest(target)? {
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
        let newer = published.and_then(|published| published.updated_from(&self.manifest));
        if let Some(newer) = newer {
            is_changed |= self.replace_manifest(&newer, staged, target, spare)?;
        }
        if is_changed {
            sync_folders(target, &self.manifest)?;
        }
        Ok(Placed::Completed)
    }

    fn lock_manifest(&self, target: &ArtifactFolder) -> Result<LeaseLock> {
        let locking = self.staging.store.locking();
        try_lock(&target.manifest(), LockMode::Exclusive, locking)
    }

    /// Replaces the manifest of a complete artifact. Returns false, and replaces nothing, if the
    /// artifact has a lease or belongs to another account: the older manifest is right, too.
    fn replace_manifest(
        &self,
        newer: &Manifest,
        staged: &ArtifactFolder,
        target: &ArtifactFolder,
        spare: &Path,
    ) -> Result<bool> {
        let LeaseLock::Held(_lock) = self.lock_manifest(target)? else {
            return Ok(false);
        };
        let ours = staged.manifest();
        fs::remove_file(&ours).map_err(|error| CatalogError::io("remove", &ours, error))?;
        write_text(self.staging.store.layout(), &ours, &newer.to_text())?;
        match link_over(&ours, &target.manifest(), spare) {
            Err(CatalogError::PermissionDenied { .. }) => Ok(false),
            linked => linked.map(|()| true),
        }
    }
}

impl VerifiedStaging {
    /// Moves each file of the wrong kind into quarantine: a link, pipe, file or folder at a path
    /// where the artifact has another kind. Returns whether there were any.
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

    /// Moves the file at a path into quarantine, unless it is of this kind. Returns whether it was
    /// moved.
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
                "a path of a model had a file of another kind; it was moved to quarantine"
            );
        }
        Ok(is_foreign)
    }

    /// Moves the files in the folder of an artifact that are not part of it into quarantine. A
    /// program that uses the folder would read them. Returns whether there were any.
    fn quarantine_unlisted_files(&self, target: &ArtifactFolder) -> Result<bool> {
        let found = unexpected_files(&target.files(), &self.manifest)?;
        for stranger in &found {
            let kept = self
                .staging
                .store
                .set_aside(&stranger.path, &self.manifest)?;
            tracing::warn!(
                path = %stranger.path.display(), kept = %kept.display(),
                "a file in the folder of a model is not part of it; it was moved to quarantine"
            );
        }
        Ok(!found.is_empty())
    }
}

/// Makes the names of all files of an artifact durable, and the names of the folders around them.
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
