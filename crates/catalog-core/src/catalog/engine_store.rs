use std::sync::Arc;

use crate::entry::{EngineEntry, EngineFilter};
use crate::error::Result;

/// A catalog of the engines on this host.
///
/// # Contract
///
/// As [`CatalogStore`](crate::CatalogStore): durable, current, atomic, the same ids. Local
/// artifacts follow the rules of a model's path. Image references, as
/// [`EngineArtifact`](crate::EngineArtifact) defines them, are returned as they were given.
///
/// Implementations run the suite in `conformance` (a feature of this crate).
pub trait EngineStore: Send + Sync {
    /// Returns the entry with this id.
    fn get(&self, id: &str) -> Result<Option<EngineEntry>>;

    /// Adds the entry, or replaces the one with its id.
    ///
    /// # Errors
    ///
    /// [`CatalogError::InvalidEntry`](crate::CatalogError::InvalidEntry) and
    /// [`CatalogError::PathRefused`](crate::CatalogError::PathRefused) for an entry that a catalog
    /// cannot hold.
    fn put(&self, entry: &EngineEntry) -> Result<()>;

    /// Returns all entries, sorted by id.
    fn list(&self) -> Result<Vec<EngineEntry>>;

    /// Removes the entry, then those of its artifacts that lie below the root and that no other
    /// entry uses. `false` if there was no such entry.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ArtifactKept`](crate::CatalogError::ArtifactKept) if the entry is gone but
    /// an artifact could not be removed; it names the first, the others are removed all the same.
    fn delete(&self, id: &str) -> Result<bool>;

    /// Returns the entries that a filter matches, sorted by id.
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
