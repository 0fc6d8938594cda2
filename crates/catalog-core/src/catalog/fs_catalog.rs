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

/// The catalog of a host, in `index.json` below a root that any number of processes share.
///
/// Reading costs one `stat` while nobody writes; a write replaces the file as a whole and returns
/// when it is durable. An index that is damaged or of a newer schema is an error that names it,
/// and is never overwritten.
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
    /// Opens the catalog below `root`, creating the folder as needed, and reads the index once so
    /// that a damaged one shows now.
    ///
    /// # Errors
    ///
    /// [`IndexDamaged`](crate::CatalogError::IndexDamaged) if the index is damaged or lost,
    /// [`IndexTooNew`](crate::CatalogError::IndexTooNew) if a newer release wrote it,
    /// [`FileSystemRefused`](crate::CatalogError::FileSystemRefused) on NFS,
    /// [`Io`](crate::CatalogError::Io).
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

    /// Returns the same catalog for calls with limits. The handles share everything else.
    #[must_use]
    pub fn with_limits(&self, limits: Limits) -> Self {
        Self {
            state: self.state.with_limits(limits),
        }
    }

    /// Returns the root, absolute, with symbolic links resolved.
    pub fn root(&self) -> &Path {
        self.state.root.path()
    }

    /// Returns the managed models below the root.
    pub fn artifacts(&self) -> &ArtifactStore {
        &self.state.artifacts
    }

    /// Copies a local model into the store and registers it as Active, if the entry of its id is as
    /// the request expects. The artifact that was registered before stays on disk until it is
    /// collected.
    ///
    /// A digest that the entry holds already is kept: the imported bytes must have it. To replace
    /// it, the request gives the new digest or an expectation of the entry.
    ///
    /// # Errors
    ///
    /// The errors of [`ArtifactStore::import`] and [`put_if`](CatalogStore::put_if), then nothing
    /// is registered; [`InvalidDigest`](crate::CatalogError::InvalidDigest) if the entry holds a
    /// digest that this release cannot compute.
    pub fn import(
        &self,
        request: &ImportRequest<'_>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<CatalogEntry> {
        maintenance::import(&self.state, request, progress)
    }

    /// Returns the catalog as of now, as an immutable value.
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

    /// Changes many entries at once: all changes of the closure become visible and durable together
    /// before this returns. If the closure fails, nothing changes.
    ///
    /// `change` runs under the write lock of the root. A write to the same root from within it, on
    /// the same thread and through any handle, fails at once with
    /// [`NestedWrite`](crate::CatalogError::NestedWrite). A write of another thread waits for the
    /// end of the update. If the closure waits for such a thread, that write ends with
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
    /// The error of `change`, and the errors of writing.
    pub fn update<T>(&self, change: impl FnOnce(&mut CatalogEdit<'_>) -> Result<T>) -> Result<T> {
        self.state.update_models(change)
    }

    /// Protects the artifact of a model from removal while the lease is held and its process lives.
    /// A caller that starts an engine on it holds one for as long as the engine runs. The use is
    /// noted, for collections that begin with the least recently used.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::CatalogError::NotFound) if there is no such entry,
    /// [`ArtifactMissing`](crate::CatalogError::ArtifactMissing) if its artifact is not there,
    /// [`InUse`](crate::CatalogError::InUse) if another process kept leases out of it for as long as
    /// a writer waits.
    pub fn lease(&self, id: &str) -> Result<Lease> {
        state::lease(&self.state, id)
    }

    /// Protects a model from deletion and collection until its owner unpins it. A second pin of one
    /// owner replaces the first. Secrets in the reason are replaced before it is stored.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::CatalogError::NotFound) if there is no such entry,
    /// [`InvalidEntry`](crate::CatalogError::InvalidEntry) for an owner that is not one word or
    /// holds a secret.
    pub fn pin(&self, id: &ModelId, owner: &str, reason: &str) -> Result<()> {
        state::pin(&self.state, id, owner, reason)
    }

    /// Removes the pin of one owner. Returns whether there was one.
    ///
    /// # Errors
    ///
    /// [`InvalidEntry`](crate::CatalogError::InvalidEntry) for an owner that is not one word or
    /// holds a secret, and the errors of writing `pins.json`.
    pub fn unpin(&self, id: &ModelId, owner: &str) -> Result<bool> {
        state::unpin(&self.state, id, owner)
    }

    /// Returns all pins, by owner.
    ///
    /// # Errors
    ///
    /// The errors of [`new`](Self::new), for `pins.json`.
    pub fn pins(&self) -> Result<Vec<Pin>> {
        Ok(self.state.pins.snapshot()?.pins().collect())
    }

    /// Tries to take the lock of a model, without waiting.
    ///
    /// # Errors
    ///
    /// [`LocksUnsupported`](crate::CatalogError::LocksUnsupported) if the file system has no locks,
    /// [`RootChanged`](crate::CatalogError::RootChanged) if the root is another folder now.
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
