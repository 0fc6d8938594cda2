use std::path::{Path, PathBuf};

use super::engine_record::EngineRecord;
use super::model_record::ModelRecord;
use super::options::{OutsidePaths, StoreOptions};
use crate::disk::StoreRoot;
use crate::error::Result;
use crate::index::{JsonIndex, Writing};

/// Both indexes of one root: each store writes one and reads the other before it deletes a file,
/// as a model and an engine may share one.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) root: StoreRoot,
    pub(super) outside: OutsidePaths,
    pub(super) models: JsonIndex<ModelRecord>,
    pub(super) engines: JsonIndex<EngineRecord>,
}

impl Host {
    pub(super) fn open(root: &Path, options: StoreOptions) -> Result<Self> {
        let root = StoreRoot::open(root)?;
        let writing = Writing {
            locking: options.locking,
            wait: options.lock_wait,
        };
        Ok(Self {
            models: JsonIndex::new(root.clone(), writing),
            engines: JsonIndex::new(root.clone(), writing),
            root,
            outside: options.outside,
        })
    }

    /// The stored paths of all artifacts that entries of either index name. An index that cannot
    /// be read is an error among them: what it names is unknown, so nothing may be deleted.
    pub(super) fn artifacts_in_use(&self) -> impl Iterator<Item = Result<PathBuf>> {
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
