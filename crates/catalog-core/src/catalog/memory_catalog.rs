use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::catalog_root::CatalogRoot;
use super::store::CatalogStore;
use crate::entry::{CatalogEntry, Expected, LifecycleState};
use crate::error::{CatalogError, Result};
use crate::reference::shown_id;

/// A catalog in the memory of its process. Tests compare [`FsCatalog`](crate::FsCatalog) with it,
/// and use it instead of a catalog on disk.
///
/// It has a root, because relative paths need one, and it deletes artifacts below the root as any
/// catalog does.
#[derive(Debug)]
pub struct MemoryCatalog {
    root: CatalogRoot,
    entries: Mutex<BTreeMap<String, CatalogEntry>>,
}

impl MemoryCatalog {
    /// Creates an empty catalog whose root is this folder. Creates the folder if it does not exist.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`] if the folder cannot be created.
    pub fn new(root: impl AsRef<Path>) -> Result<Self> {
        Ok(Self {
            root: CatalogRoot::open(root)?,
            entries: Mutex::default(),
        })
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, CatalogEntry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CatalogStore for MemoryCatalog {
    fn get(&self, id: &str) -> Result<Option<CatalogEntry>> {
        Ok(self.entries().get(id).cloned())
    }

    fn put(&self, entry: &CatalogEntry) -> Result<()> {
        self.put_if(entry, Expected::Any)
    }

    fn put_if(&self, entry: &CatalogEntry, expected: Expected<'_, CatalogEntry>) -> Result<()> {
        let entry = self.root.check_model(entry)?;
        let mut entries = self.entries();
        expected.check(&entry.id, entries.get(&entry.id))?;
        entries.insert(entry.id.clone(), entry);
        Ok(())
    }

    fn set_state(&self, id: &str, state: LifecycleState) -> Result<()> {
        match self.entries().get_mut(id) {
            Some(entry) => {
                entry.lifecycle = state;
                Ok(())
            }
            None => Err(CatalogError::NotFound {
                id: shown_id(id),
                catalog: self.root.path().to_path_buf(),
            }),
        }
    }

    fn list(&self) -> Result<Vec<CatalogEntry>> {
        Ok(self.entries().values().cloned().collect())
    }

    fn delete(&self, id: &str) -> Result<bool> {
        let mut entries = self.entries();
        let Some(deleted) = entries.remove(id) else {
            return Ok(false);
        };
        self.root.remove_model(&deleted, entries.values())?;
        Ok(true)
    }
}
