use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::engine_store::EngineStore;
use crate::entry::{EngineEntry, EngineFilter};
use crate::error::Result;
use crate::root::StoreRoot;
use crate::state::{EngineRecord, OutsidePaths, Refers, remove_unreferenced, validate_engine};

/// An engine store that forgets everything with its process; see
/// [`MemoryCatalog`](crate::MemoryCatalog).
#[derive(Debug)]
pub struct MemoryEngineStore {
    root: StoreRoot,
    entries: Mutex<BTreeMap<String, EngineRecord>>,
}

impl MemoryEngineStore {
    /// An empty store over a folder, which is created as needed.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`](crate::CatalogError::Io) if the folder cannot be created.
    pub fn new(root: impl AsRef<Path>) -> Result<Self> {
        Ok(Self {
            root: StoreRoot::open(root.as_ref())?,
            entries: Mutex::default(),
        })
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, EngineRecord>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EngineStore for MemoryEngineStore {
    fn get(&self, id: &str) -> Result<Option<EngineEntry>> {
        let entries = self.entries();
        Ok(entries.get(id).map(|record| record.entry(id, &self.root)))
    }

    fn put(&self, entry: &EngineEntry) -> Result<()> {
        let stored = validate_engine(&self.root, OutsidePaths::Record, entry)?;
        let record = EngineRecord::new(entry, stored, None);
        self.entries().insert(entry.id.clone(), record);
        Ok(())
    }

    fn list(&self) -> Result<Vec<EngineEntry>> {
        self.find(&EngineFilter::default())
    }

    fn delete(&self, id: &str) -> Result<bool> {
        let mut entries = self.entries();
        let Some(removed) = entries.remove(id) else {
            return Ok(false);
        };
        let mut outcome = Ok(true);
        for reference in removed.references() {
            let users = entries.values().flat_map(EngineRecord::references);
            let users = users.map(|user| user.stored);
            let stored = Path::new(reference.stored);
            let reclaimed = remove_unreferenced(&self.root, id, stored, users);
            outcome = outcome.and_then(|_| reclaimed.map(|()| true));
        }
        outcome
    }

    fn find(&self, filter: &EngineFilter) -> Result<Vec<EngineEntry>> {
        let entries = self.entries();
        let found = entries
            .iter()
            .map(|(id, record)| record.entry(id, &self.root));
        Ok(found.filter(|entry| filter.matches(entry)).collect())
    }
}
