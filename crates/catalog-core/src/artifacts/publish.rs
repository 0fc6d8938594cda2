use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;

use super::artifact::{Artifact, Published};
use super::blob::Blob;
use super::complete::{Kind, Placed, sync_folders};
use super::fingerprint::Fingerprint;
use super::lease::{LeaseLock, try_lock};
use super::link::{clone_over, link_over, stamp_of};
use super::manifest::Manifest;
use super::manifest_file::{ManifestFile, Sharing};
use super::staging::Freshness;
use super::text_file::write_text;
use super::verify::VerifiedStaging;
use crate::error::{CatalogError, Result};
use crate::root::{
    self, ArtifactFolder, FileStamp, Modes, create_own_folder, create_own_folders, poll, set_mode,
    set_modes_of_folders, sync_each,
};

impl VerifiedStaging {
    /// Publishes the artifact with one rename. It is complete and durable on return. A file with
    /// the same bytes as a blob of the store becomes a link to that blob. If the store has an
    /// artifact with this id and content already, this completes and returns that artifact.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ArtifactChanged`] if a file was changed after it was verified,
    /// [`CatalogError::InUse`] if other processes use the existing artifact or its blobs for too
    /// long, and the errors of linking, syncing and renaming.
    pub fn publish(mut self) -> Result<Artifact> {
        let staged = self.staging.artifact();
        self.make_durable(&staged)?;
        let store = &self.staging.store.clone();
        let target = store.layout().artifact(&self.manifest.key());
        // The attempt is repeated if another process publishes the same bytes, because those are
        // hashed before they are shared, and not under the lock. It is also repeated if another
        // process tests whether the existing artifact is in use. Syncs come before and after the
        // lock, so that many threads can wait for the disk at the same time.
        let published = poll(&store.limits, store.lock_wait(), || {
            let mut blobs = self.look_at_blobs(&staged)?;
            let lock = store.lock()?;
            let published = self.publish_under_lock(&staged, &target, &mut blobs);
            drop(lock);
            published
        });
        let published = published?;
        // The files are in the artifact now, or equal ones are.
        self.staging.discards = published.is_some();
        match published {
            Some((manifest, lease, seen)) => {
                // This sync also covers an artifact that another process has just renamed to this
                // path.
                store.sync_names()?;
                Ok(Artifact::new(&target, manifest, lease).with_published(seen))
            }
            None => Err(CatalogError::InUse {
                path: target.path().to_path_buf(),
            }),
        }
    }

    /// Publishes the artifact under the lock of artifacts. Returns its manifest, a lease and its
    /// fingerprint, or `None` if the caller must try again.
    fn publish_under_lock(
        &self,
        staged: &ArtifactFolder,
        target: &ArtifactFolder,
        blobs: &mut [Blob],
    ) -> Result<Option<(Manifest, root::FileLock, Published)>> {
        let locking = self.staging.store.locking();
        let shared = root::LockMode::Shared;
        let path = staged.manifest();
        let manifest = File::open(&path).map_err(|error| CatalogError::io("open", path, error))?;
        // The lease must exist before another process can see the artifact.
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
                // The staged files are links to the published ones. Removing them changes the times
                // of the published files.
                root::remove_artifact(staged.path())?;
                let seen = self.look_at_published(target, blobs)?;
                // This publication compared the bytes, too. The manifest of a leased artifact was not
                // replaced.
                Ok(manifest.map(|manifest| {
                    let updated = manifest.updated_from(&self.manifest);
                    (updated.unwrap_or(manifest), lease, seen)
                }))
            }
            Placed::Not => Ok(None),
        }
    }

    /// Takes the fingerprint of the published files, after their last link was made.
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

    /// Returns true if the published file was hashed and each later change of it shows in its
    /// times.
    fn is_settled(&self, file: &ManifestFile, blob: &Blob, now: &FileStamp) -> bool {
        if let Blob::Good(seen, Freshness::Settled) | Blob::Cloned(_, seen, Freshness::Settled) =
            blob
            && now.is_same_content(seen)
        {
            return true;
        }
        // Files with the same bytes are links to one of them.
        let all = self.manifest.files.iter().zip(&self.files);
        let mut all = all.zip(&self.freshness);
        all.any(|((other, found), freshness)| {
            other.digest == file.digest
                && *freshness == Freshness::Settled
                && now.is_same_content(&found.stamp)
        })
    }

    /// Sets the modes of the files and folders, and checks that the files have not changed since
    /// they were verified. Writes the manifest, and makes all of them durable.
    fn make_durable(&self, staged: &ArtifactFolder) -> Result<()> {
        let layout = self.staging.store.layout();
        set_modes_of_folders(layout, staged.path())?;
        let modes = Modes::of(layout)
            .map_err(|error| CatalogError::io("look at the root of", staged.path(), error))?;
        let mut paths = Vec::with_capacity(self.files.len());
        let mut blob_folders = BTreeSet::new();
        for (found, file) in self.files.iter().zip(&self.manifest.files) {
            let path = staged.files().join(&file.name);
            let failed = |error| CatalogError::io("make durable", &path, error);
            let opened = File::open(&path).map_err(failed)?;
            let metadata = opened.metadata().map_err(failed)?;
            if !FileStamp::of(&metadata).is_same_content(&found.stamp) {
                return Err(CatalogError::ArtifactChanged { path });
            }
            // The original of a hard link belongs to its user, so its mode stays.
            if file.shares != Sharing::Inode {
                set_mode(&opened, modes.blob).map_err(failed)?;
            }
            if file.shares != Sharing::Inode {
                blob_folders.insert(layout.folder_of_blob(&file.digest.value));
            }
            paths.push(path);
        }
        sync_each(&paths)?;
        create_own_folders(layout, &blob_folders)?;
        write_text(layout, &staged.manifest(), &self.manifest.to_text())?;
        sync_folders(staged, &self.manifest)
    }

    /// Links all files with the blobs, and renames the folder to its final path. The caller holds
    /// the lock of artifacts.
    fn place(
        &self,
        staged: &ArtifactFolder,
        target: &ArtifactFolder,
        blobs: &mut [Blob],
    ) -> Result<Placed> {
        let store = &self.staging.store;
        let spare = self.staging.folder.path().join("link");
        create_own_folder(store.layout(), &store.layout().blobs())?;
        let mut ours = BTreeSet::new();
        let mut is_relinked = false;
        for (file, blob) in self.manifest.files.iter().zip(&mut *blobs) {
            let path = staged.files().join(&file.name);
            let blob_path = store.layout().blob(&file.digest.value);
            // Another file of this model has the same bytes.
            if ours.contains(&file.digest.value) {
                link_over(&blob_path, &path, &spare)?;
                is_relinked = true;
                continue;
            }
            let now = stamp_of(&blob_path)?;
            let is_as_seen = match (&*blob, &now) {
                (Blob::Good(seen, _) | Blob::Cloned(seen, ..) | Blob::Rotten(seen), Some(now)) => {
                    now.is_same_content(seen)
                }
                (Blob::Absent, Some(_)) => false,
                (_, None) => true,
            };
            if !is_as_seen {
                return Ok(Placed::Not);
            }
            if let Blob::Good(seen, freshness) = *blob
                && now.is_some()
            {
                is_relinked = true;
                match link_over(&blob_path, &path, &spare) {
                    // The blob belongs to another account. If it cannot be cloned, the staged copy
                    // stays.
                    Err(CatalogError::PermissionDenied { .. }) => {
                        if let Some(clone) = clone_over(store.layout(), &blob_path, &path, &spare)?
                        {
                            *blob = Blob::Cloned(seen, clone, freshness);
                        }
                    }
                    linked => linked?,
                }
            } else if file.shares != Sharing::Inode {
                // A file that a user can change must not become a blob, so hard links are excluded
                // here.
                let folder = store.layout().folder_of_blob(&file.digest.value);
                create_own_folder(store.layout(), &folder)?;
                link_over(&path, &blob_path, &spare)?;
                ours.insert(&file.digest.value);
            }
        }
        if is_relinked {
            sync_folders(staged, &self.manifest)?;
        }

        let artifacts = store.layout().artifacts();
        create_own_folder(store.layout(), &artifacts)?;
        self.quarantine_unless(Kind::Folder, target.path())?;
        let placed = match fs::rename(staged.path(), target.path()) {
            Ok(()) => Placed::New,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                ) =>
            {
                self.complete(staged, target, blobs, &spare)?
            }
            Err(error) => return Err(CatalogError::io("rename to", target.path(), error)),
        };
        Ok(placed)
    }
}
