use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::artifact::Artifact;
use super::lease::{LeaseLock, try_lock};
use super::manifest::{Manifest, ManifestFile, Sharing, write_text};
use super::verify::VerifiedStaging;
use crate::digest::Digest;
use crate::error::{CatalogError, Result};
use crate::root::{
    self, ArtifactFolder, FileStamp, Links, create_own_folder, list_files, poll, sync_folder,
};

/// A blob of the digest that a staged file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blob {
    /// There is none.
    Absent,
    /// It is not what its name says, as long as its stamp is this: ours takes its place.
    Rotten(FileStamp),
    /// It was hashed just now, and is what its name says as long as its stamp is this.
    Good(FileStamp),
}

impl VerifiedStaging {
    /// Makes the artifact appear, whole and durable, by one rename. Files whose bytes the store has
    /// already become links to those. An artifact of this id and content that is there already is
    /// completed if it lacks something, and returned.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ArtifactChanged`] if somebody touched the files since they were verified;
    /// what linking, syncing and renaming fail with.
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
            Some((manifest, lease)) => Ok(Artifact::new(&target, manifest, lease)),
            None => Err(CatalogError::InUse {
                path: target.path().to_path_buf(),
            }),
        }
    }

    /// Gives the manifest and a lease of what is in its place then; nothing if it is to be tried
    /// again.
    fn publish_under_lock(
        &self,
        staged: &ArtifactFolder,
        target: &ArtifactFolder,
        blobs: &[Blob],
    ) -> Result<Option<(Manifest, root::FileLock)>> {
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
            Placed::New => Ok(Some((self.manifest.clone(), lease))),
            Placed::Completed => {
                drop(lease);
                let LeaseLock::Held(lease) = try_lock(&target.manifest(), shared, locking)? else {
                    return Ok(None);
                };
                let manifest = Manifest::read(target)?;
                Ok(manifest.map(|manifest| (manifest, lease)))
            }
            Placed::Not => Ok(None),
        }
    }

    /// Makes the files read-only and their bytes durable, and sees to it that they are those that
    /// were verified.
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

    /// Hashes the blobs of the same digests: sharing a rotten one would undo the proof.
    fn look_at_blobs(&self, staged: &ArtifactFolder) -> Result<Vec<Blob>> {
        let look = |file: &ManifestFile| {
            let path = staged.files().join(&file.name);
            let metadata = fs::symlink_metadata(&path)
                .map_err(|error| CatalogError::io("look at", &path, error))?;
            self.look_at_blob(file, &FileStamp::of(&metadata))
        };
        self.manifest.files.iter().map(look).collect()
    }

    fn look_at_blob(&self, file: &ManifestFile, staged: &FileStamp) -> Result<Blob> {
        let path = self.staging.store.layout().blob(&file.digest.value);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Blob::Absent),
            Err(error) => return Err(CatalogError::io("look at", path, error)),
        };
        let stamp = FileStamp::of(&metadata);
        if !metadata.is_file() || metadata.len() != file.size {
            return Ok(Blob::Rotten(stamp));
        }
        // Linked from there: what is staged was verified, so it is.
        if stamp.is_same_file(staged) {
            return Ok(Blob::Good(stamp));
        }
        match Digest::of_file(&path) {
            Ok(digest) if digest == file.digest => Ok(Blob::Good(stamp)),
            Ok(_) => {
                tracing::warn!(blob = %path.display(), "a blob is not what its name says; replacing it");
                Ok(Blob::Rotten(stamp))
            }
            // Collected meanwhile.
            Err(CatalogError::ArtifactMissing { .. }) => Ok(Blob::Absent),
            Err(error) => Err(error),
        }
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
                (Blob::Good(seen) | Blob::Rotten(seen), Some(now)) => now.is_same_content(seen),
                (Blob::Absent, Some(_)) => false,
                (_, None) => true,
            };
            if !is_as_seen {
                return Ok(Placed::Not);
            }
            if matches!(blob, Blob::Good(_)) && now.is_some() {
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

    /// Gives an artifact that is there already each file that it lacks, or has other bytes of than
    /// the ones that were verified now.
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
    /// Moves files into quarantine that are in the folder of an artifact and no part of it: who is
    /// handed the folder would use them. Tells whether there were any.
    fn quarantine_unlisted_files(&self, target: &ArtifactFolder) -> Result<bool> {
        let files = target.files();
        if !files.exists() {
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

/// How an artifact came to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placed {
    New,
    /// It was there already.
    Completed,
    /// It did not: blobs are there that were not looked at.
    Not,
}

/// Gives a file a second name, in place of what has that name, by way of a third one.
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
