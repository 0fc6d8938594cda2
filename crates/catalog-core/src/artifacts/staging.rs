use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::claim::make_claimed_folder;
use super::copy::{Mover, copy_and_hash};
use super::manifest_file::{ManifestFile, Sharing};
use super::provenance::Provenance;
use super::reservation::Reservation;
use super::space::Room;
use super::staging_journal::StagingJournal;
use super::store::ArtifactStore;
use crate::digest::FileContent;
use crate::error::{CatalogError, Result};
use crate::reference::{ModelId, check_file_name};
use crate::root::{
    ArtifactFolder, FileStamp, StagingFolder, create_file, create_folders, remove_artifact,
};

/// A staging area: the folder of a model that its owner fills and then publishes.
///
/// It holds a lock before its first byte is written, so collections do not touch it. Dropping it
/// removes the folder. If its process is killed, the next collection removes the folder. Files that
/// a later process can [continue](Self::resumable) stay in both cases, until they expire. No catalog
/// returns files in it: [`verify`](Self::verify) turns it into a
/// [`VerifiedStaging`](super::VerifiedStaging), which is the only state that can be published.
///
/// ```
/// use catalog_core::{Expectation, FsCatalog, Provenance};
/// use std::io::Write;
///
/// # let root = tempfile::tempdir()?;
/// let catalog = FsCatalog::new(root.path())?;
/// let mut staging = catalog.artifacts().stage(&"hf:org/repo".parse()?, 7)?;
/// let mut file = staging.create("config.json")?;
/// file.write_all(b"{\"a\":1}")?;
/// file.finish()?;
/// let artifact = staging.verify(&Expectation::default(), &mut |_| Ok(()))?.publish()?;
/// assert!(artifact.path().ends_with("files/config.json"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Staging {
    pub(super) store: ArtifactStore,
    pub(super) folder: StagingFolder,
    reservation: Reservation,
    /// The number of bytes that the writers of this library wrote, or that are shared with other
    /// files.
    pub(super) written: u64,
    pub(super) id: ModelId,
    pub(super) provenance: Provenance,
    /// The files that were hashed during their creation, by name.
    pub(super) hashed: BTreeMap<String, Hashed>,
    /// The journal of the files that a later process can continue, if there are any.
    pub(super) journal: Option<Arc<StagingJournal>>,
    /// Whether the files are removed although a later process could continue them.
    pub(super) discards: bool,
    /// Whether no bytes of earlier calls are taken.
    pub(super) ignores_earlier_bytes: bool,
}

/// The content of a file that has not been changed since it was hashed.
#[derive(Debug, Clone)]
pub(super) struct Hashed {
    pub(super) content: FileContent,
    pub(super) stamp: FileStamp,
    pub(super) shares: Sharing,
    pub(super) freshness: Freshness,
}

/// Whether each later change of a hashed file would show in its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Each change shows, because this library wrote the file, or because its times were older than
    /// the granularity of clocks when it was hashed.
    Settled,
    /// A change in the same clock tick as the previous change would not show.
    Racy,
}

impl Freshness {
    /// Returns the freshness of a file that another program wrote. `begin` is the time when its
    /// hashing began, if it is known.
    pub(crate) fn of(stamp: &FileStamp, begin: Option<SystemTime>) -> Self {
        match begin {
            Some(begin) if stamp.is_settled_at(begin) => Self::Settled,
            _ => Self::Racy,
        }
    }
}

impl ArtifactStore {
    /// Creates a staging area for the model with this catalog id, and reserves `needed` bytes for
    /// it. If `needed` is 0, the size is unknown, and space is reserved while bytes are written.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NoSpace`] if the bytes may not fit beside the reservations of other staging
    /// areas.
    pub fn stage(&self, id: &ModelId, needed: u64) -> Result<Staging> {
        let mut staging = Staging::begin(self, id)?;
        if needed > 0 {
            staging.reserve(needed)?;
        }
        Ok(staging)
    }
}

impl Staging {
    fn begin(store: &ArtifactStore, id: &ModelId) -> Result<Self> {
        store.ensure_index_files()?;
        let lock = store.lock()?;
        let made = make_claimed_folder(store, &lock, id);
        drop(lock);
        let (folder, claim) = made?;
        let staging = Self {
            store: store.clone(),
            reservation: Reservation::new(store, &folder, claim, id),
            written: 0,
            folder,
            id: id.clone(),
            provenance: Provenance::default(),
            hashed: BTreeMap::new(),
            journal: None,
            discards: false,
            ignores_earlier_bytes: false,
        };
        let files = staging.folder();
        create_folders(store.layout(), &files)
            .map_err(|error| CatalogError::io("create folder", &files, error))?;
        Ok(staging)
    }

    /// Reserves space for `needed` bytes in total, including the written bytes. Another staging
    /// area is refused if its bytes do not fit beside them.
    ///
    /// A writer that needs more space than is reserved must reserve more. [`StagedFile`](super::StagedFile) does that
    /// by itself. For another program, call [`Reservation::check`].
    ///
    /// # Errors
    ///
    /// [`CatalogError::NoSpace`] if the bytes may not fit.
    pub fn reserve(&mut self, needed: u64) -> Result<()> {
        self.reservation.reserve(needed, Room::DiskAndBudget)
    }

    /// Reserves room in the budget for `needed` bytes in total, which are shared with existing
    /// files.
    pub(super) fn reserve_shared(&mut self, needed: u64) -> Result<()> {
        self.reservation.reserve(needed, Room::Budget)
    }

    /// Returns the reservation, for a thread that watches the writes of another program.
    pub fn reservation(&self) -> Reservation {
        self.reservation.clone()
    }

    /// Counts bytes that this library is going to write. Reserves more space if the total is more
    /// than is reserved.
    pub(super) fn note_written(&mut self, bytes: u64) -> Result<()> {
        let written = self.written.saturating_add(bytes);
        self.reservation.grow_to(written)?;
        self.written = written;
        Ok(())
    }

    /// Sets the provenance of the bytes. It becomes part of the manifest.
    pub fn set_provenance(&mut self, provenance: Provenance) {
        self.provenance = provenance;
    }

    /// Returns the folder for the files of the model. Other programs may write into it:
    /// [`verify`](Self::verify) checks and hashes all its files.
    pub fn folder(&self) -> PathBuf {
        self.artifact().files()
    }

    pub(super) fn artifact(&self) -> ArtifactFolder {
        self.folder.artifact()
    }

    /// Creates an empty file and its missing parent folders.
    pub(super) fn create_empty(&self, name: &str) -> Result<File> {
        let path = self.path_for(name)?;
        create_file(self.store.layout(), &path)
            .map_err(|error| CatalogError::io("create", path, error))
    }

    /// Returns the path for a file with this name, and creates its missing parent folders.
    pub(super) fn path_for(&self, name: &str) -> Result<PathBuf> {
        check_file_name(name).map_err(|problem| CatalogError::NameRefused {
            name: name.to_owned(),
            problem,
        })?;
        let path = self.folder().join(name);
        let folder = path.parent().expect("it is in the folder of files");
        create_folders(self.store.layout(), folder)
            .map_err(|error| CatalogError::io("create folder", folder, error))?;
        Ok(path)
    }

    /// Links a file of the store into the staging area. The caller has verified the file against
    /// its manifest.
    pub(crate) fn link(
        &mut self,
        from: &Path,
        file: &ManifestFile,
        freshness: Freshness,
    ) -> Result<()> {
        let path = self.path_for(&file.name)?;
        match fs::hard_link(from, &path) {
            // The file belongs to another account.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return self.copy_own(from, file);
            }
            linked => linked.map_err(|error| CatalogError::io("link to", &path, error))?,
        }
        let content = file
            .content()
            .ok_or_else(|| CatalogError::ArtifactChanged { path: path.clone() })?;
        self.note(&path, content, file.shares, freshness)
    }

    /// Copies a file of the store into the staging area. The copy may share its extents.
    fn copy_own(&mut self, from: &Path, file: &ManifestFile) -> Result<()> {
        self.note_written(file.size)?;
        let target = self.create_empty(&file.name)?;
        let path = self.folder().join(&file.name);
        let limits = self.store.limits.clone();
        let check = &mut |_| limits.check("copying");
        let copied = copy_and_hash(from, &target, &path, Mover::Kernel, check)?;
        let content = FileContent {
            name: file.name.clone(),
            size: copied.size,
            sha256: copied.sha256,
        };
        if file.content().as_ref() != Some(&content) {
            return Err(CatalogError::ArtifactChanged {
                path: from.to_path_buf(),
            });
        }
        self.note(&path, content, Sharing::Nothing, Freshness::Settled)
    }

    /// Records the content of a file that has not been changed since it was hashed.
    pub(super) fn note(
        &mut self,
        path: &Path,
        content: FileContent,
        shares: Sharing,
        freshness: Freshness,
    ) -> Result<()> {
        let metadata =
            fs::symlink_metadata(path).map_err(|error| CatalogError::io("look at", path, error))?;
        let hashed = Hashed {
            stamp: FileStamp::of(&metadata),
            shares,
            freshness,
            content,
        };
        self.hashed.insert(hashed.content.name.clone(), hashed);
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let journal = self.journal.as_ref();
        if !self.discards && journal.is_some_and(|journal| journal.keeps_files()) {
            return;
        }
        if let Err(error) = remove_artifact(self.folder.path()) {
            let path = self.folder.path().display();
            tracing::warn!(
                %path, %error,
                "a staging area could not be removed; the next collection removes it"
            );
        }
    }
}
