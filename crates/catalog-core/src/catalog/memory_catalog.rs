use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::store::CatalogStore;
use crate::entry::{CatalogEntry, Expected, LifecycleState};
use crate::error::{CatalogError, Result};
use crate::reference::shown_id;
use crate::root::StoreRoot;
use crate::state::{OutsidePaths, remove_unreferenced, validate_model};

/// A catalog that forgets everything with its process: the reference that
/// [`FsCatalog`](crate::FsCatalog) is tested against, and a stand-in for tests of its users.
///
/// It has a root, as paths need one, and deletes artifacts below it as any catalog does.
#[derive(Debug)]
pub struct MemoryCatalog {
    root: StoreRoot,
    /// The entry of each id as it was put, and the stored form of its path.
    entries: Mutex<BTreeMap<String, (CatalogEntry, PathBuf)>>,
}

impl MemoryCatalog {
    /// An empty catalog over a folder, which is created as needed.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`] if the folder cannot be created.
    pub fn new(root: impl AsRef<Path>) -> Result<Self> {
        Ok(Self {
            root: StoreRoot::open(root.as_ref())?,
            entries: Mutex::default(),
        })
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, (CatalogEntry, PathBuf)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CatalogStore for MemoryCatalog {
    fn get(&self, id: &str) -> Result<Option<CatalogEntry>> {
        Ok(self.entries().get(id).map(|(entry, _)| entry.clone()))
    }

    fn put(&self, entry: &CatalogEntry) -> Result<()> {
        self.put_if(entry, Expected::Any)
    }

    fn put_if(&self, entry: &CatalogEntry, expected: Expected<'_, CatalogEntry>) -> Result<()> {
        let stored = PathBuf::from(validate_model(&self.root, OutsidePaths::Record, entry)?.stored);
        let mut entries = self.entries();
        expected.check(&entry.id, entries.get(&entry.id).map(|(found, _)| found))?;
        let entry = CatalogEntry {
            local_path: self.root.absolute(&stored),
            ..entry.clone()
        };
        entries.insert(entry.id.clone(), (entry, stored));
        Ok(())
    }

    fn set_state(&self, id: &str, state: LifecycleState) -> Result<()> {
        match self.entries().get_mut(id) {
            Some((entry, _)) => {
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
        let entries = self.entries();
        Ok(entries.values().map(|(entry, _)| entry.clone()).collect())
    }

    fn delete(&self, id: &str) -> Result<bool> {
        let mut entries = self.entries();
        let Some((_, stored)) = entries.remove(id) else {
            return Ok(false);
        };
        let users = entries.values().filter_map(|(_, stored)| stored.to_str());
        remove_unreferenced(&self.root, id, &stored, users)?;
        Ok(true)
    }
}
