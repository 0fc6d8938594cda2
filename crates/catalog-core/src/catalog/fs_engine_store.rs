use std::path::Path;

use super::engine_record::EngineRecord;
use super::engine_store::EngineStore;
use super::host::Host;
use super::placed::{OutsidePaths, place_engine};
use super::reclaim::reclaim;
use crate::entry::{EngineEntry, EngineFilter};
use crate::error::Result;

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
#[derive(Debug)]
pub struct FsEngineStore {
    host: Host,
    outside: OutsidePaths,
}

impl FsEngineStore {
    /// Opens the engines below `root`, as [`FsCatalog::new`](crate::FsCatalog::new) does the models.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn new(root: impl AsRef<Path>) -> Result<Self> {
        let host = Host::open(root.as_ref())?;
        host.engines.snapshot()?;
        Ok(Self {
            host,
            outside: OutsidePaths::default(),
        })
    }

    /// Chooses what happens to artifacts outside the root.
    #[must_use]
    pub fn with_outside_paths(mut self, outside: OutsidePaths) -> Self {
        self.outside = outside;
        self
    }

    /// The root, absolute, with symbolic links resolved.
    pub fn root(&self) -> &Path {
        self.host.root.path()
    }
}

impl EngineStore for FsEngineStore {
    fn get(&self, id: &str) -> Result<Option<EngineEntry>> {
        let snapshot = self.host.engines.snapshot()?;
        Ok(snapshot
            .get(id)
            .map(|record| record.entry(id, &self.host.root)))
    }

    fn put(&self, entry: &EngineEntry) -> Result<()> {
        let stored = place_engine(&self.host.root, self.outside, entry)?;
        self.host.engines.update(|edit| {
            edit.insert(&entry.id, EngineRecord::new(entry, stored));
            Ok(())
        })
    }

    fn list(&self) -> Result<Vec<EngineEntry>> {
        self.find(&EngineFilter::default())
    }

    fn delete(&self, id: &str) -> Result<bool> {
        self.host.engines.update_then(
            |edit| Ok(edit.remove(id)),
            |removed, _| {
                let Some(record) = removed else {
                    return Ok(false);
                };
                let mut outcome = Ok(true);
                for artifact in record.local_artifacts() {
                    let users = self.host.artifacts_in_use();
                    let reclaimed = reclaim(&self.host.root, id, &artifact, users);
                    outcome = outcome.and_then(|_| reclaimed.map(|()| true));
                }
                outcome
            },
        )
    }

    fn find(&self, filter: &EngineFilter) -> Result<Vec<EngineEntry>> {
        let snapshot = self.host.engines.snapshot()?;
        let entries = snapshot
            .iter()
            .map(|(id, record)| record.entry(id, &self.host.root));
        Ok(entries.filter(|entry| filter.matches(entry)).collect())
    }
}
