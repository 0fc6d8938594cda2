use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::artifact::{Artifact, Published};
use super::blob::Blob;
use super::fingerprint::Fingerprint;
use super::lease::{LeaseLock, try_lock};
use super::manifest::{Manifest, write_text};
use super::manifest_file::{ManifestFile, Sharing};
use super::staging::Freshness;
use super::verify::VerifiedStaging;
use crate::error::{CatalogError, Result};
use crate::root::{
    self, ArtifactFolder, FileStamp, Links, create_own_folder, is_there, list_files, poll,
    sync_folder,
};

impl VerifiedStaging {
    /// Publishes the artifact, complete and durable, by one rename. Files whose bytes the store has
    /// already become links to those. If there is an artifact of this id and content already, it is
    /// completed and returned.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ArtifactChanged`] if the files were touched since they were verified; the
    /// errors of linking, syncing and renaming.
    pub fn publish(self) -> Result<Artifact> {
        let staged = self.staging.artifact();
        self.make_durable(&staged)?;
        write_text(&staged.manifest(), &self.manifest.to_text())?;

        let store = &self.staging.store;
        let target = store.layout().artifact(&self.manifest.key());
        // Again if others publish the same bytes, which are hashed before they are shared, and not
        // under the lock; or if somebody looks whether the artifact that is there is in use.
        let published = poll(&store.limits, store.lock_wait(), || {
            let blobs = self.look_at_blobs(&staged)?;
            let lock = store.lock()?;
            let published = self.publish_under_lock(&staged, &target, &blobs);
            lock.release();
            published
        });
        match published? {
            Some((manifest, lease, seen)) => {
                Ok(Artifact::new(&target, manifest, lease).with_published(seen))
            }
            None => Err(CatalogError::InUse {
                path: target.path().to_path_buf(),
            }),
        }
    }

    /// Returns the manifest, the fingerprint and a lease of the artifact in its place, or `None` if
    /// the caller has to try again.
    fn publish_under_lock(
        &self,
        staged: &ArtifactFolder,
        target: &ArtifactFolder,
        blobs: &[Blob],
    ) -> Result<Option<(Manifest, root::FileLock, Published)>> {
        let locking = self.staging.store.locking();
        let shared = root::LockMode::Shared;
        let path = staged.manifest();
        let manifest = File::open(&path).map_err(|error| CatalogError::io("open", path, error))?;
        // Before anybody can see the artifact.
        let Ok(lease) = root::FileLock::try_acquire(manifest, &target.manifest(), shared, locking)?
        else {
            return Ok(None);
        };
        match self.place(staged, target, blobs)? {
            Placed::New => {
                let seen = self.look_at_published(target, blobs)?;
                Ok(Some((self.manifest.clone(), lease, seen)))
            }
            Placed::Completed => {
                drop(lease);
                let LeaseLock::Held(lease) = try_lock(&target.manifest(), shared, locking)? else {
                    return Ok(None);
                };
                let manifest = Manifest::read(target)?;
                // Its files are links to the same ones: that they go changes the times of those.
                root::remove_artifact(staged.path())?;
                let seen = self.look_at_published(target, blobs)?;
                Ok(manifest.map(|manifest| (manifest, lease, seen)))
            }
            Placed::Not => Ok(None),
        }
    }

    /// Takes the fingerprint of the files in their place, after the last link was made.
    fn look_at_published(&self, target: &ArtifactFolder, blobs: &[Blob]) -> Result<Published> {
        let fingerprint = Fingerprint::of(&target.files())?;
        let mut is_settled = true;
        for (file, blob) in self.manifest.files.iter().zip(blobs) {
            let now = stamp_of(&target.files().join(&file.name))?;
            is_settled &= now.is_some_and(|now| self.is_settled(file, blob, &now));
        }
        Ok(Published {
            fingerprint,
            is_settled,
        })
    }

    /// Returns true if a file in its place was hashed and every later change of it shows in its
    /// times.
    fn is_settled(&self, file: &ManifestFile, blob: &Blob, now: &FileStamp) -> bool {
        if let Blob::Good(seen, Freshness::Settled) = blob
            && now.is_same_content(seen)
        {
            return true;
        }
        // Files of the same bytes are links to one of them.
        let all = self.manifest.files.iter().zip(&self.files);
        let mut all = all.zip(&self.freshness);
        all.any(|((other, found), freshness)| {
            other.digest == file.digest
                && *freshness == Freshness::Settled
                && now.is_same_content(&found.stamp)
        })
    }

    /// Makes the files read-only and their bytes durable, and checks that they are those that were
    /// verified.
    fn make_durable(&self, staged: &ArtifactFolder) -> Result<()> {
        for (found, file) in self.files.iter().zip(&self.manifest.files) {
            let path = staged.files().join(&file.name);
            let failed = |error| CatalogError::io("make durable", &path, error);
            let opened = File::open(&path).map_err(failed)?;
            let metadata = opened.metadata().map_err(failed)?;
            if !FileStamp::of(&metadata).is_same_content(&found.stamp) {
                return Err(CatalogError::ArtifactChanged { path });
            }
            // The original of a hard link is not ours to change.
            if file.shares != Sharing::Inode {
                let mode = metadata.permissions().mode() & !0o222;
                opened
                    .set_permissions(Permissions::from_mode(mode))
                    .map_err(failed)?;
            }
            opened.sync_all().map_err(failed)?;
        }
        Ok(())
    }

    /// Links all files with the blobs and renames the folder into its place. Under the lock.
    fn place(
        &self,
        staged: &ArtifactFolder,
        target: &ArtifactFolder,
        blobs: &[Blob],
    ) -> Result<Placed> {
        let store = &self.staging.store;
        let spare = self.staging.folder.path().join("link");
        create_own_folder(&store.layout().blobs())?;
        let mut ours = BTreeSet::new();
        for (file, blob) in self.manifest.files.iter().zip(blobs) {
            let path = staged.files().join(&file.name);
            let blob_path = store.layout().blob(&file.digest.value);
            // Another file of this model has the same bytes.
            if ours.contains(&file.digest.value) {
                link_over(&blob_path, &path, &spare)?;
                continue;
            }
            let now = stamp_of(&blob_path)?;
            let is_as_seen = match (blob, &now) {
                (Blob::Good(seen, _) | Blob::Rotten(seen), Some(now)) => now.is_same_content(seen),
                (Blob::Absent, Some(_)) => false,
                (_, None) => true,
            };
            if !is_as_seen {
                return Ok(Placed::Not);
            }
            if matches!(blob, Blob::Good(..)) && now.is_some() {
                link_over(&blob_path, &path, &spare)?;
            } else if file.shares != Sharing::Inode {
                // What others may change is no blob.
                create_own_folder(blob_path.parent().expect("a blob lies in a folder"))?;
                link_over(&path, &blob_path, &spare)?;
                ours.insert(&file.digest.value);
            }
        }
        sync_folders(staged, &self.manifest)?;

        let artifacts = store.layout().artifacts();
        create_own_folder(&artifacts)?;
        let placed = match fs::rename(staged.path(), target.path()) {
            Ok(()) => Placed::New,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                ) =>
            {
                self.complete(staged, target, &spare)?;
                Placed::Completed
            }
            Err(error) => return Err(CatalogError::io("rename to", target.path(), error)),
        };
        sync(&artifacts)?;
        Ok(placed)
    }

    /// Completes an existing artifact: replaces each file that is missing or that differs from the
    /// newly verified one.
    fn complete(
        &self,
        staged: &ArtifactFolder,
        target: &ArtifactFolder,
        spare: &Path,
    ) -> Result<()> {
        let mut is_changed = false;
        for file in &self.manifest.files {
            let ours = staged.files().join(&file.name);
            let theirs = target.files().join(&file.name);
            let inode = |path: &Path| {
                fs::symlink_metadata(path)
                    .map(|metadata| metadata.ino())
                    .ok()
            };
            if !self.staging.store.is_straight(&theirs)? {
                let path = target.files();
                let error = io::Error::other("a link lies on the way there; remove it");
                return Err(CatalogError::io("complete", path, error));
            }
            if inode(&ours) != inode(&theirs) {
                let folder = theirs.parent().expect("it is in the folder of files");
                fs::create_dir_all(folder)
                    .map_err(|error| CatalogError::io("create folder", folder, error))?;
                link_over(&ours, &theirs, spare)?;
                is_changed = true;
            }
        }
        is_changed |= self.quarantine_unlisted_files(target)?;
        match Manifest::read(target) {
            Ok(Some(_)) => {}
            _ => {
                link_over(&staged.manifest(), &target.manifest(), spare)?;
                is_changed = true;
            }
        }
        if is_changed {
            sync_folders(target, &self.manifest)?;
        }
        Ok(())
    }
}

impl VerifiedStaging {
    /// Moves files into quarantine that are in the folder of an artifact and not part of it: a user
    /// of the folder would use them. Returns whether there were any.
    fn quarantine_unlisted_files(&self, target: &ArtifactFolder) -> Result<bool> {
        let files = target.files();
        if !is_there(&files)? {
            return Ok(false);
        }
        let is_listed = |name: &str| self.manifest.files.iter().any(|file| file.name == name);
        let mut found = list_files(&files, &[], Links::Follow)?;
        found.retain(|found| !is_listed(&found.name));
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

/// The result of moving an artifact to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placed {
    New,
    /// The artifact was there already.
    Completed,
    /// The artifact was not moved: there are blobs that were not checked yet.
    Not,
}

/// Gives a file a second name, by way of a third one. It replaces any file of that name.
pub(super) fn link_over(from: &Path, to: &Path, spare: &Path) -> Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(CatalogError::io("link to", to, error)),
    }
    fs::hard_link(from, spare).map_err(|error| CatalogError::io("link to", spare, error))?;
    fs::rename(spare, to).map_err(|error| CatalogError::io("rename to", to, error))?;
    // A rename between two names of one file does nothing, and leaves both.
    match fs::remove_file(spare) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(CatalogError::io("remove", spare, error))
        }
        _ => Ok(()),
    }
}

fn stamp_of(path: &Path) -> Result<Option<FileStamp>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(FileStamp::of(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CatalogError::io("look at", path, error)),
    }
}

/// Makes the names of all files of an artifact durable, and those of the folders they are in.
fn sync_folders(artifact: &ArtifactFolder, manifest: &Manifest) -> Result<()> {
    let files = artifact.files();
    let mut folders = BTreeSet::from([files.clone(), artifact.path().to_path_buf()]);
    for file in &manifest.files {
        let ancestors = Path::new(&file.name).ancestors().skip(1);
        folders.extend(ancestors.map(|name| match name.as_os_str().is_empty() {
            true => files.clone(),
            false => files.join(name),
        }));
    }
    folders.iter().try_for_each(|folder: &PathBuf| sync(folder))
}

fn sync(folder: &Path) -> Result<()> {
    sync_folder(folder).map_err(|error| CatalogError::io("sync folder", folder, error))
}
