use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::catalog_root::CatalogRoot;
use super::engine_store::EngineStore;
use crate::entry::{EngineEntry, EngineFilter};
use crate::error::Result;

/// A catalog of engines in the memory of its process; see [`MemoryCatalog`](crate::MemoryCatalog).
#[derive(Debug)]
pub struct MemoryEngineStore {
    root: CatalogRoot,
    entries: Mutex<BTreeMap<String, EngineEntry>>,
}

impl MemoryEngineStore {
    /// Creates an empty store whose root is this folder. Creates the folder if it does not exist.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`](crate::CatalogError::Io) if the folder cannot be created.
    pub fn new(root: impl AsRef<Path>) -> Result<Self> {
        Ok(Self {
            root: CatalogRoot::open(root)?,
            entries: Mutex::default(),
        })
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, EngineEntry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EngineStore for MemoryEngineStore {
    fn get(&self, id: &str) -> Result<Option<EngineEntry>> {
        Ok(self.entries().get(id).cloned())
    }

    fn put(&self, entry: &EngineEntry) -> Result<()> {
        let entry = self.root.check_engine(entry)?;
        self.entries().insert(entry.id.clone(), entry);
        Ok(())
    }

    fn list(&self) -> Result<Vec<EngineEntry>> {
        self.find(&EngineFilter::default())
    }

    fn delete(&self, id: &str) -> Result<bool> {
        let mut entries = self.entries();
        let Some(deleted) = entries.remove(id) else {
            return Ok(false);
        };
        self.root.remove_engine(&deleted, entries.values())?;
        Ok(true)
    }

    fn find(&self, filter: &EngineFilter) -> Result<Vec<EngineEntry>> {
        let entries = self.entries();
        let found = entries.values().filter(|entry| filter.matches(entry));
        Ok(found.cloned().collect())
    }
}
