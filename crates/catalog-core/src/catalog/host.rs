use std::path::{Path, PathBuf};

use super::engine_record::EngineRecord;
use super::model_record::ModelRecord;
use super::options::{OutsidePaths, StoreOptions};
use super::pins::PinRecord;
use super::placed::place_model;
use crate::artifacts::{ArtifactStore, VerificationLog};
use crate::disk::StoreRoot;
use crate::entry::CatalogEntry;
use crate::error::{CatalogError, Result};
use crate::index::{JsonIndex, Writing};
use crate::model::shown_id;

/// All that is kept below one root. Each of the two stores writes one index and reads the other
/// before it deletes a file, as a model and an engine may share one.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) root: StoreRoot,
    pub(super) outside: OutsidePaths,
    pub(crate) models: JsonIndex<ModelRecord>,
    pub(super) engines: JsonIndex<EngineRecord>,
    pub(crate) pins: JsonIndex<PinRecord>,
    pub(crate) artifacts: ArtifactStore,
    pub(crate) log: VerificationLog,
}

impl Host {
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
            log: VerificationLog::new(root.clone(), options.locking, options.lock_wait),
            root,
            outside: options.outside,
        })
    }

    /// The form in which an entry would be stored.
    pub(crate) fn record_of(&self, entry: &CatalogEntry) -> Result<ModelRecord> {
        let stored = place_model(&self.root, self.outside, entry)?;
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
