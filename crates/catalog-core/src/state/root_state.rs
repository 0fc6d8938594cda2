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
/// of its calls. Clones share all but the limits. Each of the two stores writes one index and reads
/// the other before it deletes a file, as a model and an engine may share one.
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

    /// The same state for calls with these limits.
    pub(crate) fn with_limits(&self, limits: Limits) -> Self {
        Self {
            artifacts: self.artifacts.with_limits(limits.clone()),
            limits,
            ..self.clone()
        }
    }

    /// Changes models with the closure of a caller: all its changes become visible and durable
    /// together, or none does.
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

    /// Changes engines, as [`update_models`](Self::update_models) does models.
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

    /// The form in which an entry would be stored.
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
