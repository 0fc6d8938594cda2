use std::path::Path;

use super::engine_record::EngineRecord;
use super::model_record::ModelRecord;
use super::root_state::RootState;
use super::validate::{validate_engine, validate_model};
use crate::entry::Expected;
use crate::entry::{CatalogEntry, EngineEntry, LifecycleState};
use crate::error::Result;
use crate::index::Edit;

/// Changes of several models that become visible and durable together, or not at all; see
/// [`FsCatalog::update`](crate::FsCatalog::update).
#[derive(Debug)]
pub struct CatalogEdit<'e> {
    pub(crate) state: &'e RootState,
    pub(crate) edit: &'e mut Edit<ModelRecord>,
}

impl CatalogEdit<'_> {
    /// The entry as of this edit.
    pub fn get(&self, id: &str) -> Option<CatalogEntry> {
        self.edit
            .get(id)
            .map(|record| record.entry(id, &self.state.root))
    }

    /// As [`CatalogStore::put`](crate::CatalogStore::put).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn put(&mut self, entry: &CatalogEntry) -> Result<()> {
        self.put_if(entry, Expected::Any)
    }

    /// As [`CatalogStore::put_if`](crate::CatalogStore::put_if).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn put_if(
        &mut self,
        entry: &CatalogEntry,
        expected: Expected<'_, CatalogEntry>,
    ) -> Result<()> {
        let stored = validate_model(&self.state.root, self.state.outside, entry)?;
        expected.check(&entry.id, self.get(&entry.id).as_ref())?;
        self.edit.drop_tombstones_of(Path::new(&stored.stored));
        let record = ModelRecord::new(entry, stored, self.edit.get(&entry.id));
        self.edit.insert(&entry.id, record);
        Ok(())
    }

    /// As [`CatalogStore::set_state`](crate::CatalogStore::set_state).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_state(&mut self, id: &str, state: LifecycleState) -> Result<()> {
        let Some(record) = self.edit.get(id) else {
            return Err(self.state.no_such_model(id));
        };
        let record = record.in_state(state);
        self.edit.insert(id, record);
        Ok(())
    }

    /// Removes an entry and leaves its artifact where it is. Tells whether there was one.
    pub fn forget(&mut self, id: &str) -> bool {
        self.edit.remove(id).is_some()
    }
}

/// Changes of several engines that become visible and durable together, or not at all; see
/// [`FsEngineStore::update`](crate::FsEngineStore::update).
#[derive(Debug)]
pub struct EngineEdit<'e> {
    pub(crate) state: &'e RootState,
    pub(crate) edit: &'e mut Edit<EngineRecord>,
}

impl EngineEdit<'_> {
    /// The entry as of this edit.
    pub fn get(&self, id: &str) -> Option<EngineEntry> {
        self.edit
            .get(id)
            .map(|record| record.entry(id, &self.state.root))
    }

    /// As [`EngineStore::put`](crate::EngineStore::put).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn put(&mut self, entry: &EngineEntry) -> Result<()> {
        self.put_if(entry, Expected::Any)
    }

    /// [`put`](Self::put), if what is there is as expected.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Conflict`](crate::CatalogError::Conflict) if it is not; else as `put`.
    pub fn put_if(
        &mut self,
        entry: &EngineEntry,
        expected: Expected<'_, EngineEntry>,
    ) -> Result<()> {
        let stored = validate_engine(&self.state.root, self.state.outside, entry)?;
        expected.check(&entry.id, self.get(&entry.id).as_ref())?;
        let record = EngineRecord::new(entry, stored);
        for reference in record.references() {
            self.edit.drop_tombstones_of(Path::new(reference.stored));
        }
        self.edit.insert(&entry.id, record);
        Ok(())
    }

    /// Removes an entry and leaves its artifacts where they are. Tells whether there was one.
    pub fn forget(&mut self, id: &str) -> bool {
        self.edit.remove(id).is_some()
    }
}
