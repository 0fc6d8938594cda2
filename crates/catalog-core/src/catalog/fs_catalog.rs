use std::path::Path;

use super::managed::ManagedCatalog;
use super::snapshot::CatalogSnapshot;
use super::store::CatalogStore;
use crate::artifacts::{ArtifactStore, ImportRequest, Lease};
use crate::entry::{CatalogEntry, Expected, LifecycleState};
use crate::error::Result;
use crate::maintenance;
use crate::progress::{Limits, Progress};
use crate::reference::ModelId;
use crate::state::{self, CatalogEdit, ModelLockAttempt, Pin, RootState, StoreOptions};

/// The catalog of the models on a host, in `index.json` below a root. Any number of processes can
/// share the root.
///
/// A read costs one `stat` if the file did not change since the last read. A write replaces the
/// whole file and returns when the new file is durable. If the index is damaged or has a newer
/// schema, each call returns an error that names the file, and the file is never overwritten.
///
/// ```
/// use catalog_core::{CatalogEntry, CatalogStore, FsCatalog, LifecycleState};
///
/// # let root = tempfile::tempdir()?;
/// let catalog = FsCatalog::new(root.path())?;
/// catalog.put(&CatalogEntry {
///     id: "hf:org/repo/model.gguf".into(),
///     local_path: "models/model.gguf".into(), // relative: below the root
///     lifecycle: LifecycleState::Active,
///     digest: None,
///     last_verified_ms: None,
/// })?;
/// let entry = catalog.get("hf:org/repo/model.gguf")?.expect("it was put");
/// assert!(entry.local_path.is_absolute());
/// assert!(!catalog.exists("hf:org/repo/model.gguf")?, "no file is there yet");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FsCatalog {
    pub(super) state: RootState,
}

impl FsCatalog {
    /// Opens the catalog below `root`, and creates the folder if it does not exist. Reads the index
    /// once, so that a damaged index is reported here.
    ///
    /// # Errors
    ///
    /// [`IndexDamaged`](crate::CatalogError::IndexDamaged) if the index is damaged or lost,
    /// [`IndexTooNew`](crate::CatalogError::IndexTooNew) if a newer release wrote it,
    /// [`FileSystemRefused`](crate::CatalogError::FileSystemRefused) if the root is on a file
    /// system such as NFS, [`Io`](crate::CatalogError::Io) if the folder cannot be created or the
    /// index cannot be read.
    pub fn new(root: impl AsRef<Path>) -> Result<Self> {
        Self::open(root, StoreOptions::default())
    }

    /// Opens the catalog as [`new`](Self::new) does, with options.
    ///
    /// # Errors
    ///
    /// The errors of [`new`](Self::new).
    pub fn open(root: impl AsRef<Path>, options: StoreOptions) -> Result<Self> {
        let state = RootState::open(root.as_ref(), options)?;
        state.models.snapshot()?;
        Ok(Self { state })
    }

    /// Returns a handle of the same catalog whose calls have limits. The two handles share
    /// everything else.
    #[must_use]
    pub fn with_limits(&self, limits: Limits) -> Self {
        Self {
            state: self.state.with_limits(limits),
        }
    }

    /// Returns the absolute path of the root, with symbolic links resolved.
    pub fn root(&self) -> &Path {
        self.state.root.path()
    }

    /// Returns the artifact store, which holds the managed models below the root.
    pub fn artifacts(&self) -> &ArtifactStore {
        &self.state.artifacts
    }

    /// Imports a local model into the store and registers it as Active, if the present entry with
    /// its id is as the request expects. An artifact that the entry named before stays on disk
    /// until a collection removes it.
    ///
    /// If the present entry has a digest, the imported bytes must have that digest. To replace the
    /// digest, give the new digest in the request, or state in the request which entry it expects.
    ///
    /// # Errors
    ///
    /// The errors of [`ArtifactStore::import`] and [`put_if`](CatalogStore::put_if).
    /// [`InvalidDigest`](crate::CatalogError::InvalidDigest) if the present entry has a digest that
    /// this release cannot compute. After an error, nothing was registered.
    pub fn import(
        &self,
        request: &ImportRequest<'_>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<CatalogEntry> {
        maintenance::import(&self.state, request, progress)
    }

    /// Returns the present content of the catalog as an immutable value.
    ///
    /// # Errors
    ///
    /// The errors of [`new`](Self::new).
    pub fn snapshot(&self) -> Result<CatalogSnapshot> {
        Ok(CatalogSnapshot {
            root: self.state.root.clone(),
            snapshot: self.state.models.snapshot()?,
        })
    }

    /// Changes several entries in one write. All changes of the closure become visible and durable
    /// together before this call returns. If the closure fails, nothing changes.
    ///
    /// The closure `change` runs under the write lock of the root. If the closure itself writes to
    /// the same root on the same thread, through any handle, that write fails at once with
    /// [`NestedWrite`](crate::CatalogError::NestedWrite). A write by another thread waits until the
    /// update ends. If the closure waits for that thread, the write of the thread fails with
    /// [`LockTimeout`](crate::CatalogError::LockTimeout).
    ///
    /// ```
    /// use catalog_core::{FsCatalog, LifecycleState};
    ///
    /// # let root = tempfile::tempdir()?;
    /// let catalog = FsCatalog::new(root.path())?;
    /// let swap = catalog.update(|edit| {
    ///     edit.set_state("old", LifecycleState::Retired)?;
    ///     edit.set_state("new", LifecycleState::Active)
    /// });
    /// assert_eq!(swap.unwrap_err().code(), "not_found");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The error that `change` returns, and the errors of writing the index.
    pub fn update<T>(&self, change: impl FnOnce(&mut CatalogEdit<'_>) -> Result<T>) -> Result<T> {
        self.state.update_models(change)
    }

    /// Protects the artifact of a model from removal while the lease is held and its process lives.
    /// A caller that starts an engine on the model should hold a lease for as long as the engine
    /// runs. The call records the time of use: a collection removes the least recently used models
    /// first.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::CatalogError::NotFound) if there is no such entry,
    /// [`ArtifactMissing`](crate::CatalogError::ArtifactMissing) if its artifact does not exist,
    /// [`InUse`](crate::CatalogError::InUse) if another process excluded leases on the artifact for
    /// as long as [`StoreOptions`] lets a call wait for a lock.
    pub fn lease(&self, id: &str) -> Result<Lease> {
        state::lease(&self.state, id)
    }

    /// Protects a model from deletion and collection until its owner unpins it. A second pin by the
    /// same owner replaces the first. Secrets in the reason are redacted before the reason is
    /// stored.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::CatalogError::NotFound) if there is no such entry,
    /// [`InvalidEntry`](crate::CatalogError::InvalidEntry) if `owner` is not one word or holds a
    /// secret.
    pub fn pin(&self, id: &ModelId, owner: &str, reason: &str) -> Result<()> {
        state::pin(&self.state, id, owner, reason)
    }

    /// Removes the pin of one owner from a model. Returns true if there was such a pin.
    ///
    /// # Errors
    ///
    /// [`InvalidEntry`](crate::CatalogError::InvalidEntry) if `owner` is not one word or holds a
    /// secret, and the errors of writing `pins.json`.
    pub fn unpin(&self, id: &ModelId, owner: &str) -> Result<bool> {
        state::unpin(&self.state, id, owner)
    }

    /// Returns all pins, sorted by owner.
    ///
    /// # Errors
    ///
    /// The errors of [`new`](Self::new), here about `pins.json`.
    pub fn pins(&self) -> Result<Vec<Pin>> {
        Ok(self.state.pins.snapshot()?.pins().collect())
    }

    /// Tries to take the lock of a model, without waiting.
    ///
    /// # Errors
    ///
    /// [`LocksUnsupported`](crate::CatalogError::LocksUnsupported) if the file system has no locks,
    /// [`RootChanged`](crate::CatalogError::RootChanged) if the root is now another folder.
    pub fn try_lock_model(&self, id: &ModelId) -> Result<ModelLockAttempt> {
        state::try_lock_model(&self.state, id)
    }
}

impl CatalogStore for FsCatalog {
    fn get(&self, id: &str) -> Result<Option<CatalogEntry>> {
        let snapshot = self.state.models.snapshot()?;
        Ok(snapshot
            .get(id)
            .map(|record| record.entry(id, &self.state.root)))
    }

    fn put(&self, entry: &CatalogEntry) -> Result<()> {
        CatalogStore::put_if(self, entry, Expected::Any)
    }

    fn put_if(&self, entry: &CatalogEntry, expected: Expected<'_, CatalogEntry>) -> Result<()> {
        self.update(|edit| edit.put_if(entry, expected))
    }

    fn set_state(&self, id: &str, state: LifecycleState) -> Result<()> {
        self.update(|edit| edit.set_state(id, state))
    }

    fn list(&self) -> Result<Vec<CatalogEntry>> {
        Ok(self.snapshot()?.iter().collect())
    }

    fn managed(&self) -> Option<&dyn ManagedCatalog> {
        Some(self)
    }

    fn delete(&self, id: &str) -> Result<bool> {
        maintenance::making_room(&self.state, || state::delete_model(&self.state, id))
    }
}
