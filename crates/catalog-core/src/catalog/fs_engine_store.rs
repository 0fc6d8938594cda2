use std::path::Path;

use super::engine_store::EngineStore;
use super::snapshot::EngineSnapshot;
use crate::entry::{EngineEntry, EngineFilter};
use crate::error::Result;
use crate::maintenance::{self, Verification, Verify};
use crate::progress::{Limits, Progress};
use crate::state::StoreOptions;
use crate::state::{self, EngineEdit, RootState};

/// The catalog of the engines on a host, in `engines.json` below a root. Any number of processes
/// can share the root.
///
/// The file has its own schema version. Otherwise the store behaves as
/// [`FsCatalog`](crate::FsCatalog).
///
/// ```
/// use catalog_core::{EngineEntry, EngineFilter, EngineStore, FsEngineStore};
///
/// # let root = tempfile::tempdir()?;
/// let engines = FsEngineStore::new(root.path())?;
/// engines.put(&EngineEntry {
///     id: "llama.cpp-b4000-cuda".into(),
///     engine: "llama.cpp".into(),
///     version: "b4000".into(),
///     build_ref: None,
///     digest: None,
///     build_flags: Some(vec!["-DGGML_CUDA=ON".into()]),
///     artifacts: vec!["engines/b4000/llama-server".into()],
///     created_ms: 1_700_000_000_000,
/// })?;
/// let of_llama = EngineFilter { engine: Some("llama.cpp".into()), ..EngineFilter::default() };
/// assert_eq!(engines.find(&of_llama)?.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct FsEngineStore {
    state: RootState,
}

impl FsEngineStore {
    /// Opens the engines below `root`, as [`FsCatalog::new`](crate::FsCatalog::new) opens the
    /// models.
    ///
    /// # Errors
    ///
    /// The errors of [`FsCatalog::new`](crate::FsCatalog::new), here about `engines.json`.
    pub fn new(root: impl AsRef<Path>) -> Result<Self> {
        Self::open(root, StoreOptions::default())
    }

    /// Opens the engines as [`new`](Self::new) does, with options.
    ///
    /// # Errors
    ///
    /// The errors of [`new`](Self::new).
    pub fn open(root: impl AsRef<Path>, options: StoreOptions) -> Result<Self> {
        let state = RootState::open(root.as_ref(), options)?;
        state.engines.snapshot()?;
        Ok(Self { state })
    }

    /// Returns a handle of the same store whose calls have limits. The two handles share everything
    /// else.
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

    /// Returns the present content of the store as an immutable value.
    ///
    /// # Errors
    ///
    /// The errors of [`new`](Self::new).
    pub fn snapshot(&self) -> Result<EngineSnapshot> {
        Ok(EngineSnapshot {
            root: self.state.root.clone(),
            snapshot: self.state.engines.snapshot()?,
        })
    }

    /// Hashes an engine that has exactly one local artifact, compares it with its digest, and
    /// records the outcome. For an engine with another number of local artifacts, or without a
    /// digest, the outcome is Warn. The call never changes an artifact. If `progress` returns an
    /// error, the call stops with that error.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::CatalogError::NotFound) if there is no such entry,
    /// [`InvalidDigest`](crate::CatalogError::InvalidDigest) if this release cannot compute its
    /// digest, [`ArtifactMissing`](crate::CatalogError::ArtifactMissing) if the artifact does not
    /// exist, [`ArtifactChanged`](crate::CatalogError::ArtifactChanged) if the artifact changes
    /// during the call. A mismatch is an outcome, not an error.
    pub fn verify(
        &self,
        id: &str,
        how: Verify,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Verification> {
        maintenance::verify_engine(
            &self.state,
            id,
            how,
            &mut self.state.limits.watch("hashing", progress),
        )
    }

    /// Changes several entries in one write, as [`FsCatalog::update`](crate::FsCatalog::update)
    /// does.
    ///
    /// # Errors
    ///
    /// The error that `change` returns, and the errors of writing, as for
    /// [`FsCatalog::update`](crate::FsCatalog::update).
    pub fn update<T>(&self, change: impl FnOnce(&mut EngineEdit<'_>) -> Result<T>) -> Result<T> {
        self.state.update_engines(change)
    }
}

impl EngineStore for FsEngineStore {
    fn get(&self, id: &str) -> Result<Option<EngineEntry>> {
        let snapshot = self.state.engines.snapshot()?;
        Ok(snapshot
            .get(id)
            .map(|record| record.entry(id, &self.state.root)))
    }

    fn put(&self, entry: &EngineEntry) -> Result<()> {
        self.update(|edit| edit.put(entry))
    }

    fn list(&self) -> Result<Vec<EngineEntry>> {
        self.find(&EngineFilter::default())
    }

    fn delete(&self, id: &str) -> Result<bool> {
        maintenance::making_room(&self.state, || state::delete_engine(&self.state, id))
    }

    fn find(&self, filter: &EngineFilter) -> Result<Vec<EngineEntry>> {
        let snapshot = self.snapshot()?;
        let entries = snapshot.iter();
        Ok(entries.filter(|entry| filter.matches(entry)).collect())
    }
}
