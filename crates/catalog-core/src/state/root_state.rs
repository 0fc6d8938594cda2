use std::path::{Path, PathBuf};

use super::edit::{CatalogEdit, EngineEdit};
use super::engine_record::EngineRecord;
use super::model_record::ModelRecord;
use super::options::{OutsidePaths, StoreOptions};
use super::pins::PinRecord;
use crate::artifacts::ArtifactStore;
use crate::entry::CatalogEntry;
use crate::error::{CatalogError, Result};
use crate::index::{JsonIndex, Writing};
use crate::reference::shown_id;
use crate::root::StoreRoot;
use crate::state::validate_model;

/// Everything that one handle knows of a root: its indexes, its artifact store, its options. Each of
/// the two stores writes one index and reads the other before it deletes a file, as a model and an
/// engine may share one.
#[derive(Debug)]
pub(crate) struct RootState {
    pub(crate) root: StoreRoot,
    pub(crate) outside: OutsidePaths,
    pub(crate) models: JsonIndex<ModelRecord>,
    pub(crate) engines: JsonIndex<EngineRecord>,
    pub(crate) pins: JsonIndex<PinRecord>,
    pub(crate) artifacts: ArtifactStore,
}

impl RootState {
    pub(crate) fn open(root: &Path, options: StoreOptions) -> Result<Self> {
        let root = StoreRoot::open(root)?;
        let writing = Writing {
            locking: options.locking,
            wait: options.lock_wait,
        };
        Ok(Self {
            models: JsonIndex::new(root.clone(), writing),
            engines: JsonIndex::new(root.clone(), writing),
            pins: JsonIndex::new(root.clone(), writing),
            artifacts: ArtifactStore {
                root: root.clone(),
                locking: options.locking,
                lock_wait: options.lock_wait,
                budget: options.budget,
            },
            root,
            outside: options.outside,
        })
    }

    /// Changes models: all that `change` does becomes visible and durable together, or nothing.
    pub(crate) fn update_models<T>(
        &self,
        change: impl FnOnce(&mut CatalogEdit<'_>) -> Result<T>,
    ) -> Result<T> {
        self.models
            .update(|edit| change(&mut CatalogEdit { state: self, edit }))
    }

    /// Changes engines, as [`update_models`](Self::update_models) does models.
    pub(crate) fn update_engines<T>(
        &self,
        change: impl FnOnce(&mut EngineEdit<'_>) -> Result<T>,
    ) -> Result<T> {
        self.engines
            .update(|edit| change(&mut EngineEdit { state: self, edit }))
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

    /// The stored paths of all artifacts that entries of either index name. An index that cannot
    /// be read is an error among them: what it names is unknown, so nothing may be deleted.
    pub(crate) fn artifacts_in_use(&self) -> impl Iterator<Item = Result<PathBuf>> {
        let models = self.models.snapshot().map(|snapshot| {
            let paths = snapshot
                .iter()
                .map(|(_, record)| PathBuf::from(&record.local_path));
            paths.collect::<Vec<_>>()
        });
        let engines = self.engines.snapshot().map(|snapshot| {
            let paths = snapshot
                .iter()
                .flat_map(|(_, record)| record.local_artifacts());
            paths.collect::<Vec<_>>()
        });
        [models, engines].into_iter().flat_map(|paths| match paths {
            Ok(paths) => paths.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
    }
}
