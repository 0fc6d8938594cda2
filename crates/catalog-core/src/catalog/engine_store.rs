use std::sync::Arc;

use crate::entry::{EngineEntry, EngineFilter};
use crate::error::Result;

/// A catalog of the engines on this host.
///
/// # Contract
///
/// The rules of [`CatalogStore`](crate::CatalogStore) for durability, current reads, atomic changes
/// and ids apply here, too. Local artifacts follow the rules for the path of a model. Image
/// references, as [`EngineArtifact`](crate::EngineArtifact) defines them, are stored and returned
/// unchanged.
///
/// An implementation can test itself with the suite in `conformance`, a feature of this crate.
pub trait EngineStore: Send + Sync {
    /// Returns the entry with this id.
    fn get(&self, id: &str) -> Result<Option<EngineEntry>>;

    /// Adds the entry, or replaces the entry with the same id.
    ///
    /// # Errors
    ///
    /// [`CatalogError::InvalidEntry`](crate::CatalogError::InvalidEntry) if the entry has a field
    /// that cannot be stored. [`CatalogError::PathRefused`](crate::CatalogError::PathRefused) if a
    /// local artifact breaks the rules for paths.
    fn put(&self, entry: &EngineEntry) -> Result<()>;

    /// Returns all entries, sorted by id.
    fn list(&self) -> Result<Vec<EngineEntry>>;

    /// Removes the entry, and then its artifacts that lie below the root and that no other entry
    /// uses. Returns `false` if there was no such entry.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ArtifactKept`](crate::CatalogError::ArtifactKept) if the entry was removed
    /// but an artifact could not be removed. The error names the first such artifact; the others
    /// are still removed.
    fn delete(&self, id: &str) -> Result<bool>;

    /// Returns the entries that match a filter, sorted by id.
    fn find(&self, filter: &EngineFilter) -> Result<Vec<EngineEntry>>;
}

macro_rules! forward_engine_store {
    ($($pointer:ty),+) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<T: EngineStore + ?Sized> EngineStore for $pointer {
            fn get(&self, id: &str) -> Result<Option<EngineEntry>> {
                (**self).get(id)
            }
            fn put(&self, entry: &EngineEntry) -> Result<()> {
                (**self).put(entry)
            }
            fn list(&self) -> Result<Vec<EngineEntry>> {
                (**self).list()
            }
            fn delete(&self, id: &str) -> Result<bool> {
                (**self).delete(id)
            }
            fn find(&self, filter: &EngineFilter) -> Result<Vec<EngineEntry>> {
                (**self).find(filter)
            }
        }
    )+};
}

forward_engine_store!(&T, Box<T>, Arc<T>);
