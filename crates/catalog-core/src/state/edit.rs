use std::path::Path;

use super::engine_record::EngineRecord;
use super::model_record::ModelRecord;
use super::options::OutsidePaths;
use super::referenced_paths::Refers;
use super::validate::{validate_engine, validate_model};
use crate::entry::{CatalogEntry, EngineEntry, Expected, LifecycleState};
use crate::error::{CatalogError, Result};
use crate::index::Edit;
use crate::reference::shown_id;
use crate::root::StoreRoot;

/// A set of changes of models that become visible and durable together, or not at all; see
/// [`FsCatalog::update`](crate::FsCatalog::update).
#[derive(Debug)]
pub struct CatalogEdit<'e> {
    pub(super) root: &'e StoreRoot,
    pub(super) outside: OutsidePaths,
    /// The file that holds the models.
    pub(super) index: &'e Path,
    pub(crate) edit: &'e mut Edit<ModelRecord>,
}

impl CatalogEdit<'_> {
    /// Returns the entry with this id, with the changes of this edit.
    pub fn get(&self, id: &str) -> Option<CatalogEntry> {
        self.edit.get(id).map(|record| record.entry(id, self.root))
    }

    /// Stores an entry, as [`CatalogStore::put`](crate::CatalogStore::put) does.
    ///
    /// # Errors
    ///
    /// The errors of [`put`](crate::CatalogStore::put), apart from the errors of writing the index.
    pub fn put(&mut self, entry: &CatalogEntry) -> Result<()> {
        self.put_if(entry, Expected::Any)
    }

    /// Stores an entry if the present entry with its id is as expected, as
    /// [`CatalogStore::put_if`](crate::CatalogStore::put_if) does.
    ///
    /// # Errors
    ///
    /// The errors of [`put_if`](crate::CatalogStore::put_if), apart from the errors of writing the
    /// index.
    pub fn put_if(
        &mut self,
        entry: &CatalogEntry,
        expected: Expected<'_, CatalogEntry>,
    ) -> Result<()> {
        self.put_with(entry, expected, |record| record)
    }

    /// Stores an entry as [`put_if`](Self::put_if) does. `complete` may change the record before it
    /// is stored.
    pub(crate) fn put_with(
        &mut self,
        entry: &CatalogEntry,
        expected: Expected<'_, CatalogEntry>,
        complete: impl FnOnce(ModelRecord) -> ModelRecord,
    ) -> Result<()> {
        let stored = validate_model(self.root, self.outside, entry)?;
        expected.check(&entry.id, self.get(&entry.id).as_ref())?;
        self.edit.drop_tombstones_of(Path::new(&stored.stored));
        let record = ModelRecord::new(entry, stored, self.edit.get(&entry.id));
        self.edit.insert(&entry.id, complete(record));
        Ok(())
    }

    /// Sets the state of an entry, as [`CatalogStore::set_state`](crate::CatalogStore::set_state)
    /// does.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::CatalogError::NotFound) if there is no such entry.
    pub fn set_state(&mut self, id: &str, state: LifecycleState) -> Result<()> {
        let Some(record) = self.edit.get(id) else {
            return Err(CatalogError::NotFound {
                id: shown_id(id),
                catalog: self.index.to_path_buf(),
            });
        };
        let record = record.in_state(state);
        self.edit.insert(id, record);
        Ok(())
    }

    /// Removes an entry, and leaves its artifact where it is. Returns true if there was such an
    /// entry.
    pub fn forget(&mut self, id: &str) -> bool {
        self.edit.remove(id).is_some()
    }
}

/// A set of changes of engines that become visible and durable together, or not at all; see
/// [`FsEngineStore::update`](crate::FsEngineStore::update).
#[derive(Debug)]
pub struct EngineEdit<'e> {
    pub(super) root: &'e StoreRoot,
    pub(super) outside: OutsidePaths,
    pub(crate) edit: &'e mut Edit<EngineRecord>,
}

impl EngineEdit<'_> {
    /// Returns the entry with this id, with the changes of this edit.
    pub fn get(&self, id: &str) -> Option<EngineEntry> {
        self.edit.get(id).map(|record| record.entry(id, self.root))
    }

    /// Stores an entry, as [`EngineStore::put`](crate::EngineStore::put) does.
    ///
    /// # Errors
    ///
    /// The errors of [`put`](crate::EngineStore::put), apart from the errors of writing the index.
    pub fn put(&mut self, entry: &EngineEntry) -> Result<()> {
        self.put_if(entry, Expected::Any)
    }

    /// Stores an entry if the present entry with its id is as expected.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Conflict`](crate::CatalogError::Conflict) if the present entry is not as
    /// expected, and the errors of [`put`](Self::put).
    pub fn put_if(
        &mut self,
        entry: &EngineEntry,
        expected: Expected<'_, EngineEntry>,
    ) -> Result<()> {
        let stored = validate_engine(self.root, self.outside, entry)?;
        expected.check(&entry.id, self.get(&entry.id).as_ref())?;
        let record = EngineRecord::new(entry, stored, self.edit.get(&entry.id));
        for reference in record.references() {
            self.edit.drop_tombstones_of(Path::new(reference.stored));
        }
        self.edit.insert(&entry.id, record);
        Ok(())
    }

    /// Removes an entry, and leaves its artifacts where they are. Returns true if there was such an
    /// entry.
    pub fn forget(&mut self, id: &str) -> bool {
        self.edit.remove(id).is_some()
    }
}
