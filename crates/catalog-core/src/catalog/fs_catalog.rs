use std::path::Path;

use super::expected::Expected;
use super::host::Host;
use super::model_record::ModelRecord;
use super::placed::{OutsidePaths, place_model};
use super::reclaim::reclaim;
use super::store::CatalogStore;
use crate::entry::{CatalogEntry, LifecycleState};
use crate::error::{CatalogError, Result};

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
    host: Host,
    outside: OutsidePaths,
}

impl FsCatalog {
    /// Opens the catalog below `root`, creating the folder as needed, and reads the index once so
    /// that a damaged one shows now.
    ///
    /// # Errors
    ///
    /// [`CatalogError::IndexDamaged`], [`CatalogError::IndexTooNew`], [`CatalogError::Io`].
    pub fn new(root: impl AsRef<Path>) -> Result<Self> {
        let host = Host::open(root.as_ref())?;
        host.models.snapshot()?;
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

    fn entry(&self, id: &str, record: &ModelRecord) -> CatalogEntry {
        record.entry(id, &self.host.root)
    }
}

impl CatalogStore for FsCatalog {
    fn get(&self, id: &str) -> Result<Option<CatalogEntry>> {
        let snapshot = self.host.models.snapshot()?;
        Ok(snapshot.get(id).map(|record| self.entry(id, record)))
    }

    fn put(&self, entry: &CatalogEntry) -> Result<()> {
        self.put_if(entry, Expected::Any)
    }

    fn put_if(&self, entry: &CatalogEntry, expected: Expected<'_, CatalogEntry>) -> Result<()> {
        let stored = place_model(&self.host.root, self.outside, entry)?;
        self.host.models.update(|edit| {
            let found = edit
                .get(&entry.id)
                .map(|record| self.entry(&entry.id, record));
            expected.check(&entry.id, found.as_ref())?;
            edit.insert(&entry.id, ModelRecord::new(entry, stored));
            Ok(())
        })
    }

    fn set_state(&self, id: &str, state: LifecycleState) -> Result<()> {
        self.host.models.update(|edit| match edit.get(id) {
            None => Err(CatalogError::NotFound {
                id: id.to_owned(),
                catalog: self.host.models.path().clone(),
            }),
            Some(record) => {
                let mut record = record.clone();
                record.lifecycle = state;
                edit.insert(id, record);
                Ok(())
            }
        })
    }

    fn list(&self) -> Result<Vec<CatalogEntry>> {
        let snapshot = self.host.models.snapshot()?;
        Ok(snapshot
            .iter()
            .map(|(id, record)| self.entry(id, record))
            .collect())
    }

    fn delete(&self, id: &str) -> Result<bool> {
        self.host.models.update_then(
            |edit| Ok(edit.remove(id)),
            |removed, _| match removed {
                None => Ok(false),
                Some(record) => {
                    let users = self.host.artifacts_in_use();
                    reclaim(&self.host.root, id, record.local_path.as_ref(), users)?;
                    Ok(true)
                }
            },
        )
    }
}
