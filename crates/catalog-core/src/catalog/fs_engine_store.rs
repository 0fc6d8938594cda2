use std::path::Path;

use super::engine_store::EngineStore;
use super::snapshot::EngineSnapshot;
use crate::entry::{EngineEntry, EngineFilter};
use crate::error::Result;
use crate::maintenance::{self, Verification, Verify};
use crate::progress::{Limits, Progress};
use crate::state::StoreOptions;
use crate::state::{self, EngineEdit, RootState};

/// The engines of a host, in `engines.json` below a root that any number of processes share.
///
/// The file has its own schema version; all else is as for [`FsCatalog`](crate::FsCatalog).
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
    /// Opens the engines below `root`, as [`FsCatalog::new`](crate::FsCatalog::new) does the models.
    ///
    /// # Errors
    ///
    /// The errors of [`FsCatalog::new`](crate::FsCatalog::new), for `engines.json`.
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

    /// Returns the same store for calls with limits. The handles share everything else.
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

    /// Returns the engines as of now, as an immutable value.
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

    /// Compares the bytes of an engine that has exactly one local artifact with its digest, and records
    /// the outcome. Warns about any other engine, and about one without a digest. Never touches a
    /// file. `progress` may stop it by failing.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::CatalogError::NotFound),
    /// [`InvalidDigest`](crate::CatalogError::InvalidDigest) for a digest that this library cannot
    /// compute, [`ArtifactMissing`](crate::CatalogError::ArtifactMissing),
    /// [`ArtifactChanged`](crate::CatalogError::ArtifactChanged). A mismatch is an outcome, not an
    /// error.
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

    /// Changes many entries at once, as [`FsCatalog::update`](crate::FsCatalog::update) does.
    ///
    /// # Errors
    ///
    /// The error of `change`, and those of writing, as for [`FsCatalog::update`](crate::FsCatalog::update).
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
