use std::path::Path;

use super::edits::CatalogEdit;
use super::expected::Expected;
use super::host::Host;
use super::options::StoreOptions;
use super::snapshots::CatalogSnapshot;
use super::store::CatalogStore;
use crate::artifacts::{ArtifactStore, ImportProgress, ImportRequest};
use crate::entry::{CatalogEntry, LifecycleState};
use crate::error::Result;

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
#[derive(Debug)]
pub struct FsCatalog {
    pub(crate) host: Host,
}

impl FsCatalog {
    /// Opens the catalog below `root`, creating the folder as needed, and reads the index once so
    /// that a damaged one shows now.
    ///
    /// # Errors
    ///
    /// [`IndexDamaged`](crate::CatalogError::IndexDamaged),
    /// [`IndexTooNew`](crate::CatalogError::IndexTooNew), [`Io`](crate::CatalogError::Io).
    pub fn new(root: impl AsRef<Path>) -> Result<Self> {
        Self::open(root, StoreOptions::default())
    }

    /// [`new`](Self::new) with options.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open(root: impl AsRef<Path>, options: StoreOptions) -> Result<Self> {
        let host = Host::open(root.as_ref(), options)?;
        host.models.snapshot()?;
        Ok(Self { host })
    }

    /// The root, absolute, with symbolic links resolved.
    pub fn root(&self) -> &Path {
        self.host.root.path()
    }

    /// The managed models below the root.
    pub fn artifacts(&self) -> &ArtifactStore {
        &self.host.artifacts
    }

    /// Brings a local model into the store and registers it as Active. What was registered under
    /// its id before stays on disk until it is collected.
    ///
    /// # Errors
    ///
    /// As [`ArtifactStore::import`] and [`put`](CatalogStore::put).
    pub fn import(
        &self,
        request: &ImportRequest<'_>,
        progress: &mut dyn FnMut(ImportProgress) -> Result<()>,
    ) -> Result<CatalogEntry> {
        let artifact = self.host.artifacts.import(request, progress)?;
        let entry = artifact.entry();
        self.put(&entry)?;
        Ok(entry)
    }

    /// The catalog as of now, as an immutable value.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn snapshot(&self) -> Result<CatalogSnapshot> {
        Ok(CatalogSnapshot {
            root: self.host.root.clone(),
            snapshot: self.host.models.snapshot()?,
        })
    }

    /// Changes many entries at once: all that `change` does becomes visible and durable together
    /// before this returns; nothing of it, if it fails.
    ///
    /// `change` must not use the catalog otherwise: other writers wait for it.
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
    /// What `change` returns, and what writing fails with.
    pub fn update<T>(&self, change: impl FnOnce(&mut CatalogEdit<'_>) -> Result<T>) -> Result<T> {
        let host = &self.host;
        host.models
            .update(|edit| change(&mut CatalogEdit { host, edit }))
    }
}

impl CatalogStore for FsCatalog {
    fn get(&self, id: &str) -> Result<Option<CatalogEntry>> {
        let snapshot = self.host.models.snapshot()?;
        Ok(snapshot
            .get(id)
            .map(|record| record.entry(id, &self.host.root)))
    }

    fn put(&self, entry: &CatalogEntry) -> Result<()> {
        self.put_if(entry, Expected::Any)
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

    fn on_disk(&self) -> Option<&FsCatalog> {
        Some(self)
    }

    fn delete(&self, id: &str) -> Result<bool> {
        self.host.models.update_then(
            |edit| {
                self.host.check_not_pinned(id)?;
                Ok(edit.remove(id))
            },
            |removed| match removed {
                None => Ok(false),
                Some(record) => self.host.reclaim(id, &record.local_path).map(|()| true),
            },
        )
    }
}
