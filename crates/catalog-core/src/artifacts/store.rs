use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::artifact::Artifact;
use super::lease::{LeaseLock, wait_for_lease};
use super::manifest::{Manifest, damaged};
use crate::error::{CatalogError, Result};
use crate::index::{IndexFiles, Writing};
use crate::progress::Limits;
use crate::reference::ModelId;
use crate::root::{
    Layout, Locking, StoreLock, StoreRoot, WriterLock, check_not_nested, check_own_folder,
    is_sha256, is_there, list_folder, sync_folder, touch,
};

/// The managed models of a root. They were imported or fetched. The store keeps equal content once,
/// under the real names of the files, and records the digest of each file.
///
/// An artifact is a folder `artifacts/<key>` with a manifest and files. The files are hard links to
/// `blobs/sha256/…`, so equal bytes of several models are on the disk once. One rename publishes a
/// whole artifact, and one rename removes it. [`FsCatalog`](crate::FsCatalog) has the operations
/// that also change entries.
#[derive(Debug, Clone)]
pub struct ArtifactStore {
    pub(super) root: StoreRoot,
    files: Arc<IndexFiles>,
    writing: Writing,
    pub(super) budget: Option<u64>,
    pub(super) limits: Limits,
}

/// The time after a recorded use of an artifact during which further uses are not recorded.
const USES_ARE_NOTED_EVERY: Duration = Duration::from_secs(60 * 60);

/// The times when this process last recorded a use of each artifact, by the path of its manifest.
static NOTED_USES: Mutex<BTreeMap<PathBuf, Instant>> = Mutex::new(BTreeMap::new());

/// The manifest of an artifact in the store.
#[derive(Debug)]
#[non_exhaustive]
pub struct StoredManifest {
    /// The key of the artifact.
    pub key: String,
    /// The manifest, or the error of reading it: [`CatalogError::StoreDamaged`] if it is damaged or
    /// missing.
    pub manifest: Result<Manifest>,
}

impl ArtifactStore {
    pub(crate) fn new(
        root: StoreRoot,
        files: Arc<IndexFiles>,
        writing: Writing,
        budget: Option<u64>,
    ) -> Self {
        Self {
            root,
            files,
            writing,
            budget,
            limits: Limits::none(),
        }
    }

    /// Returns a handle of the same store whose calls have these limits.
    #[must_use]
    pub fn with_limits(&self, limits: Limits) -> Self {
        Self {
            limits,
            ..self.clone()
        }
    }

    pub(crate) fn locking(&self) -> Locking {
        self.writing.locking
    }

    /// Returns the time for which a call waits for other processes. The limits of the call can
    /// shorten it.
    pub(crate) fn lock_wait(&self) -> Duration {
        self.writing.wait
    }

    /// Opens the artifact of a model that was published last, if all its files exist and have their
    /// sizes. Returns `None` otherwise.
    ///
    /// # Errors
    ///
    /// The errors of reading the manifests and of [`open`](Self::open).
    pub fn newest(&self, id: &ModelId) -> Result<Option<Artifact>> {
        let mut newest = None;
        for StoredManifest { key, manifest } in self.manifests()? {
            match manifest {
                Ok(manifest) if manifest.id == id.as_str() => {
                    newest = newest.max(Some((manifest.published_ms, key)));
                }
                // A damaged artifact does not count: publishing the model again completes it.
                Ok(_) | Err(CatalogError::StoreDamaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let Some((_, key)) = newest else {
            return Ok(None);
        };
        let artifact = self.open(&key)?;
        Ok(artifact.filter(|artifact| self.is_complete(&key, artifact.manifest())))
    }

    fn is_complete(&self, key: &str, manifest: &Manifest) -> bool {
        manifest.files.iter().all(|file| {
            let metadata = self.file_of(key, file).metadata();
            metadata.is_ok_and(|metadata| metadata.len() == file.size)
        })
    }

    /// Creates the index files of the root before the first byte is staged, because a root with
    /// artifacts and without index files counts as damaged.
    pub(super) fn ensure_index_files(&self) -> Result<()> {
        if self.files.are_durable()? {
            return Ok(());
        }
        let lock = self.acquire(StoreLock::Index)?;
        // Another thread or handle may have done the work meanwhile.
        let ensured = match self.files.are_durable()? {
            true => Ok(()),
            false => self.files.ensure(&lock),
        };
        drop(lock);
        ensured
    }

    /// Opens the artifact with this key, takes a lease on it, and makes its name durable. Returns
    /// `None` if there is no such artifact.
    ///
    /// # Errors
    ///
    /// [`CatalogError::StoreDamaged`] if its manifest is damaged, [`CatalogError::StoreTooNew`] if
    /// a newer release wrote it, [`CatalogError::InUse`] if another process excludes leases for too
    /// long.
    pub fn open(&self, key: &str) -> Result<Option<Artifact>> {
        if !is_sha256(key) {
            return Ok(None);
        }
        let folder = self.root.layout().artifact(key);
        let (locking, wait) = (self.locking(), self.lock_wait());
        match wait_for_lease(&folder.manifest(), locking, &self.limits, wait)? {
            LeaseLock::Gone => Ok(None),
            LeaseLock::Taken => Err(CatalogError::InUse {
                path: folder.path().to_path_buf(),
            }),
            LeaseLock::Held(lock) => match Manifest::read(&folder)? {
                Some(manifest) => {
                    // The process that published the artifact may have died before the name was
                    // durable.
                    self.sync_names()?;
                    Ok(Some(Artifact::new(&folder, manifest, lock)))
                }
                None => Ok(None),
            },
        }
    }

    /// Makes the names of all artifacts durable. A file system that cannot sync or is read-only has
    /// nothing to make durable.
    pub(crate) fn sync_names(&self) -> Result<()> {
        use io::ErrorKind::{InvalidInput, ReadOnlyFilesystem, Unsupported};
        let artifacts = self.layout().artifacts();
        match sync_folder(&artifacts) {
            Err(error)
                if matches!(
                    error.kind(),
                    InvalidInput | ReadOnlyFilesystem | Unsupported
                ) =>
            {
                Ok(())
            }
            synced => synced.map_err(|error| CatalogError::io("sync folder", artifacts, error)),
        }
    }

    /// Returns the manifests of all artifacts, sorted by key.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`] if the artifacts cannot be listed.
    pub fn manifests(&self) -> Result<Vec<StoredManifest>> {
        let mut manifests = Vec::new();
        for key in self.keys()? {
            let folder = self.root.layout().artifact(&key);
            let manifest = match Manifest::read(&folder) {
                // The artifact was removed after it was listed.
                Ok(None) if !is_there(folder.path())? => continue,
                Ok(None) => Err(damaged(&folder.manifest(), "it is missing".to_owned())),
                Ok(Some(manifest)) => Ok(manifest),
                Err(error) => Err(error),
            };
            manifests.push(StoredManifest { key, manifest });
        }
        Ok(manifests)
    }

    /// Returns true if a path is that of an artifact of this store or is in one. Checks only the
    /// text of the path.
    pub fn holds(&self, path: &Path) -> bool {
        self.key_in(path).is_some()
    }

    /// Returns the manifest of the artifact that contains a path. Returns `None` if no artifact
    /// does.
    ///
    /// # Errors
    ///
    /// [`CatalogError::StoreDamaged`] if the manifest is damaged or missing,
    /// [`CatalogError::StoreTooNew`] if a newer release wrote it.
    pub fn manifest_at(&self, path: &Path) -> Result<Option<Manifest>> {
        let Some(key) = self.key_in(path) else {
            return Ok(None);
        };
        match self.manifest(key) {
            Err(CatalogError::ArtifactMissing { path }) => {
                Err(damaged(&path, "it is missing".to_owned()))
            }
            found => found.map(Some),
        }
    }

    pub(super) fn key_in<'p>(&self, path: &'p Path) -> Option<&'p str> {
        Layout::key_of(path.strip_prefix(self.root.path()).ok()?)
    }

    /// Returns the manifest of the artifact with this key.
    pub(crate) fn manifest(&self, key: &str) -> Result<Manifest> {
        let folder = self.layout().artifact(key);
        Manifest::read(&folder)?.ok_or(CatalogError::ArtifactMissing {
            path: folder.path().to_path_buf(),
        })
    }

    /// Returns the path that users of an artifact get.
    pub(crate) fn path_of(&self, key: &str, manifest: &Manifest) -> PathBuf {
        manifest.path_in(&self.layout().artifact(key))
    }

    /// Returns the keys of all artifacts, sorted. Skips folders whose names are not keys.
    pub(crate) fn keys(&self) -> Result<Vec<String>> {
        let entries = list_folder(&self.root.layout().artifacts())?;
        let mut keys: Vec<String> = entries
            .into_iter()
            .filter(|(_, kind)| kind.is_dir())
            .filter_map(|(path, _)| path.file_name()?.to_str().map(str::to_owned))
            .filter(|name| is_sha256(name))
            .collect();
        keys.sort_unstable();
        Ok(keys)
    }

    /// Takes the lock under which files of the store are moved.
    pub(crate) fn lock(&self) -> Result<WriterLock> {
        let lock = self.acquire(StoreLock::Artifacts)?;
        for folder in self.layout().own_folders() {
            check_own_folder(&folder)?;
        }
        Ok(lock)
    }

    fn acquire(&self, which: StoreLock) -> Result<WriterLock> {
        check_not_nested(&self.root)?;
        self.root.check_present()?;
        let lock = WriterLock::acquire(
            self.layout(),
            which,
            self.writing.locking,
            &self.limits,
            self.writing.wait,
        )
        .map_err(CatalogError::of_writing)?;
        // Check again: the root may have been replaced while this call waited.
        self.root.check_present()?;
        Ok(lock)
    }

    /// Records that an artifact is used now, by setting the time of its manifest. Each process does
    /// this at most once an hour for each artifact. Best effort: without permission, nothing is
    /// recorded.
    pub(crate) fn note_use(&self, key: &str) {
        let manifest = self.layout().artifact(key).manifest();
        let now = Instant::now();
        {
            let mut noted = NOTED_USES.lock().unwrap_or_else(PoisonError::into_inner);
            let is_recent = |last: &Instant| now.duration_since(*last) < USES_ARE_NOTED_EVERY;
            if noted.get(&manifest).is_some_and(is_recent) {
                return;
            }
            noted.retain(|_, last| is_recent(last));
            noted.insert(manifest.clone(), now);
        }
        if let Err(error) = touch(&manifest) {
            tracing::debug!(key, %error, "the use of an artifact could not be noted");
        }
    }

    /// Returns the time of the last recorded use of an artifact. See [`note_use`](Self::note_use).
    pub(crate) fn last_use(&self, key: &str) -> SystemTime {
        let metadata = fs::symlink_metadata(self.layout().artifact(key).manifest());
        let time = metadata.and_then(|metadata| metadata.modified());
        time.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    pub(crate) fn layout(&self) -> &Layout {
        self.root.layout()
    }
}
