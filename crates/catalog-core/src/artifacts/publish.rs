use std::collections::BTreeSet;
use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::artifact::Artifact;
use super::lease::{LeaseLock, try_lock};
use super::manifest::{Manifest, ManifestFile, Sharing, write_text};
use super::verify::VerifiedStaging;
use crate::digest::Digest;
use crate::disk::{self, ArtifactFolder, FileStamp, create_own_folder, sync_folder};
use crate::error::{CatalogError, Result};

/// A blob that was there before, and was hashed just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blob {
    /// There is none, or it is not what its name says: ours takes its place.
    Replace,
    /// It is what its name says, as long as its stamp is this.
    Share(FileStamp),
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
        let blobs = self.make_durable(&staged)?;
        write_text(&staged.manifest(), &self.manifest.to_text())?;

        let store = &self.staging.store;
        let target = store.layout().artifact(&self.manifest.key());
        let manifest = File::open(staged.manifest())
            .map_err(|error| CatalogError::io("open", staged.manifest(), error))?;
        let lock = store.lock()?;
        let placed = self.place(&staged, &target, &blobs);
        // The lease is taken before anybody can see the artifact.
        let leased = placed.and_then(|placed| match placed {
            Placed::New => disk::FileLock::try_acquire(
                manifest,
                &target.manifest(),
                disk::Sharing::Shared,
                store.locking,
            ),
            Placed::Completed => Ok(Err(manifest)),
        });
        lock.release();
        match leased? {
            Ok(lock) => Ok(Artifact::new(&target, self.manifest, lock)),
            Err(_) => match try_lock(&target.manifest(), disk::Sharing::Shared, store.locking)? {
                LeaseLock::Held(lock) => {
                    let found = Manifest::read(&target)?;
                    Ok(Artifact::new(&target, found.unwrap_or(self.manifest), lock))
                }
                LeaseLock::Taken | LeaseLock::Gone => Err(CatalogError::InUse {
                    path: target.path().to_path_buf(),
                }),
            },
        }
    }

    /// Makes the files read-only and their bytes durable, and sees to it that they are those that
    /// were verified. Hashes blobs of the same names: sharing a rotten one would undo the proof.
    fn make_durable(&self, staged: &ArtifactFolder) -> Result<Vec<Blob>> {
        let mut blobs = Vec::with_capacity(self.files.len());
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
            blobs.push(self.look_at_blob(file, &metadata)?);
        }
        Ok(blobs)
    }

    fn look_at_blob(&self, file: &ManifestFile, staged: &Metadata) -> Result<Blob> {
        let path = self.staging.store.layout().blob(&file.digest.value);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Blob::Replace),
            Err(error) => return Err(CatalogError::io("look at", path, error)),
        };
        if !metadata.is_file() || metadata.len() != file.size {
            return Ok(Blob::Replace);
        }
        // Linked from there: what is staged was verified, so it is.
        if FileStamp::of(&metadata).is_same_file(&FileStamp::of(staged)) {
            return Ok(Blob::Share(FileStamp::of(&metadata)));
        }
        match Digest::of_file(&path) {
            Ok(digest) if digest == file.digest => Ok(Blob::Share(FileStamp::of(&metadata))),
            Ok(_) => {
                tracing::warn!(blob = %path.display(), "a blob is not what its name says; replacing it");
                Ok(Blob::Replace)
            }
            // Collected meanwhile.
            Err(CatalogError::ArtifactMissing { .. }) => Ok(Blob::Replace),
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
        for (file, blob) in self.manifest.files.iter().zip(blobs) {
            let path = staged.files().join(&file.name);
            let blob_path = store.layout().blob(&file.digest.value);
            match blob {
                Blob::Share(stamp) if is_still(&blob_path, stamp)? => {
                    link_over(&blob_path, &path, &spare)?;
                }
                // What others may change is no blob.
                _ if file.shares == Sharing::Inode => {}
                _ => {
                    create_own_folder(blob_path.parent().expect("a blob lies in a folder"))?;
                    link_over(&path, &blob_path, &spare)?;
                }
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

/// How an artifact came to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placed {
    New,
    /// It was there already.
    Completed,
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

fn is_still(path: &Path, stamp: &FileStamp) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(FileStamp::of(&metadata).is_same_content(stamp)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
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
