use std::path::Path;
use std::sync::Arc;

use super::edit::{CatalogEdit, EngineEdit};
use super::engine_record::EngineRecord;
use super::model_record::ModelRecord;
use super::options::{OutsidePaths, StoreOptions};
use super::pin_record::PinRecord;
use crate::artifacts::ArtifactStore;
use crate::entry::CatalogEntry;
use crate::error::{CatalogError, Result};
use crate::index::{IndexFiles, JsonIndex, Writing};
use crate::progress::Limits;
use crate::reference::shown_id;
use crate::root::{Locking, StoreRoot, UpdateScope, refuse_without_shared_locks};
use crate::state::validate_model;

/// The state of one handle of a root: its indexes, its artifact store, its options, and the limits
/// of its calls. Clones share everything except the limits. A catalog of models and a store of
/// engines each write one index. Before one of them deletes a file, it reads the other index,
/// because a model and an engine may share the file.
#[derive(Debug, Clone)]
pub(crate) struct RootState {
    pub(crate) root: StoreRoot,
    pub(crate) outside: OutsidePaths,
    pub(crate) models: Arc<JsonIndex<ModelRecord>>,
    pub(crate) engines: Arc<JsonIndex<EngineRecord>>,
    pub(crate) pins: Arc<JsonIndex<PinRecord>>,
    pub(crate) artifacts: ArtifactStore,
    pub(crate) limits: Limits,
}

impl RootState {
    pub(crate) fn open(root: &Path, options: StoreOptions) -> Result<Self> {
        let root = StoreRoot::open(root)?;
        if options.locking == Locking::Kernel {
            refuse_without_shared_locks(root.path())?;
        }
        let writing = Writing {
            locking: options.locking,
            wait: options.lock_wait,
        };
        let files = Arc::new(IndexFiles::new::<ModelRecord, EngineRecord, PinRecord>(
            root.clone(),
        ));
        Ok(Self {
            models: Arc::new(JsonIndex::new(Arc::clone(&files), writing)),
            engines: Arc::new(JsonIndex::new(Arc::clone(&files), writing)),
            pins: Arc::new(JsonIndex::new(Arc::clone(&files), writing)),
            artifacts: ArtifactStore::new(root.clone(), files, writing, options.budget),
            root,
            outside: options.outside,
            limits: Limits::none(),
        })
    }

    /// Returns the same state for calls with these limits.
    pub(crate) fn with_limits(&self, limits: Limits) -> Self {
        Self {
            artifacts: self.artifacts.with_limits(limits.clone()),
            limits,
            ..self.clone()
        }
    }

    /// Changes models with the closure of a caller. Either all changes of the closure become
    /// visible and durable together, or none of them.
    pub(crate) fn update_models<T>(
        &self,
        change: impl FnOnce(&mut CatalogEdit<'_>) -> Result<T>,
    ) -> Result<T> {
        self.models.update(&self.limits, |edit| {
            let _scope = UpdateScope::enter(&self.root);
            change(&mut CatalogEdit {
                root: &self.root,
                outside: self.outside,
                index: self.models.path(),
                edit,
            })
        })
    }

    /// Changes engines, as [`update_models`](Self::update_models) changes models.
    pub(crate) fn update_engines<T>(
        &self,
        change: impl FnOnce(&mut EngineEdit<'_>) -> Result<T>,
    ) -> Result<T> {
        self.engines.update(&self.limits, |edit| {
            let _scope = UpdateScope::enter(&self.root);
            change(&mut EngineEdit {
                root: &self.root,
                outside: self.outside,
                edit,
            })
        })
    }

    /// Checks an entry, and returns the record in which it would be stored.
    pub(crate) fn record_of(&self, entry: &CatalogEntry) -> Result<ModelRecord> {
        let stored = validate_model(&self.root, self.outside, entry)?;
        Ok(ModelRecord::new(entry, stored, None))
    }

    pub(crate) fn no_such_model(&self, id: &str) -> CatalogError {
        CatalogError::NotFound {
            id: shown_id(id),
            catalog: self.models.path().to_path_buf(),
        }
    }
}
