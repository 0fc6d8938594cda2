use std::sync::Arc;

use super::managed::ManagedCatalog;
use crate::entry::Expected;
use crate::entry::{CatalogEntry, LifecycleState, ResolvedModel};
use crate::error::Result;
use crate::reference::ModelRef;
use crate::root::is_on_disk;

/// A catalog of the models on this host: their paths, their states, and the digests that prove
/// their bytes.
///
/// # Contract
///
/// - **Durable.** A change that returned `Ok` survives a crash and a power cut, if the store
///   outlives the process at all. A change that returned an error changed nothing, unless the error
///   states that the outcome is unknown.
/// - **Current.** A call sees every change that returned before it began, in any process.
/// - **Atomic.** Concurrent changes of different entries all survive; of one entry, one wins
///   completely. No call sees half a change.
/// - **Ids** are any non-empty text of up to [`ModelId::MAX_LEN`](crate::ModelId::MAX_LEN) bytes, compared byte
///   by byte.
/// - **Paths.** A relative `local_path` means relative to the store's root; returned paths are
///   absolute. A path below the root that leaves it, the root itself and the store's own files are
///   refused. Files outside the root are recorded, never written, never deleted.
/// - **Existence** of the artifact is no condition of an entry: [`exists`](Self::exists) and
///   [`locate`](Self::locate) check it.
/// - Implementations are shared between threads; `&T`, `Box<T>` and `Arc<T>` behave as `T`.
///
/// Implementations run the suite in `conformance` (a feature of this crate).
pub trait CatalogStore: Send + Sync {
    /// Returns the entry with this id.
    fn get(&self, id: &str) -> Result<Option<CatalogEntry>>;

    /// Adds the entry, or replaces the one with its id.
    ///
    /// # Errors
    ///
    /// [`InvalidEntry`](crate::CatalogError::InvalidEntry) and [`PathRefused`](crate::CatalogError::PathRefused) for an entry that a catalog
    /// cannot hold.
    fn put(&self, entry: &CatalogEntry) -> Result<()>;

    /// Changes the state of an entry and nothing else of it.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::CatalogError::NotFound) if there is no such entry.
    fn set_state(&self, id: &str, state: LifecycleState) -> Result<()>;

    /// Returns all entries, sorted by id.
    fn list(&self) -> Result<Vec<CatalogEntry>>;

    /// Removes the entry, then its artifact if that lies below the root and no other entry uses
    /// it. `false` if there was no such entry.
    ///
    /// # Errors
    ///
    /// [`ArtifactKept`](crate::CatalogError::ArtifactKept) if the entry is gone but its artifact could not be removed.
    fn delete(&self, id: &str) -> Result<bool>;

    /// Adds or replaces the entry, if the present one is as expected.
    ///
    /// The provided method reads first and writes then, so a change in between is lost. Shared
    /// implementations, such as those of this crate, do both in one step.
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::CatalogError::Conflict) if it is not, and the errors of `put`.
    fn put_if(&self, entry: &CatalogEntry, expected: Expected<'_, CatalogEntry>) -> Result<()> {
        expected.check(&entry.id, self.get(&entry.id)?.as_ref())?;
        self.put(entry)
    }

    /// Returns the abilities of a catalog with an artifact store, if it has one. A wrapper passes
    /// them on.
    fn managed(&self) -> Option<&dyn ManagedCatalog> {
        None
    }

    /// Returns true if the model with this id, or of this reference, is registered in any state and
    /// its artifact is on disk now.
    fn exists(&self, id_or_ref: &str) -> Result<bool> {
        let entry = match self.get(id_or_ref)? {
            Some(entry) => Some(entry),
            None => match ModelRef::parse(id_or_ref) {
                Ok(mr) => self.get(&mr.id()?)?,
                Err(_) => None,
            },
        };
        entry.map_or(Ok(false), |entry| is_on_disk(&entry.local_path))
    }

    /// Returns the place of the model of a reference, if it is registered, Active and on disk now.
    fn locate(&self, mr: &ModelRef) -> Result<Option<ResolvedModel>> {
        match self.get(&mr.id()?)? {
            Some(entry)
                if entry.lifecycle == LifecycleState::Active && is_on_disk(&entry.local_path)? =>
            {
                Ok(Some(ResolvedModel {
                    id: entry.id,
                    local_path: entry.local_path,
                }))
            }
            _ => Ok(None),
        }
    }
}

macro_rules! forward_catalog_store {
    ($($pointer:ty),+) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<T: CatalogStore + ?Sized> CatalogStore for $pointer {
            fn get(&self, id: &str) -> Result<Option<CatalogEntry>> {
                (**self).get(id)
            }
            fn put(&self, entry: &CatalogEntry) -> Result<()> {
                (**self).put(entry)
            }
            fn set_state(&self, id: &str, state: LifecycleState) -> Result<()> {
                (**self).set_state(id, state)
            }
            fn list(&self) -> Result<Vec<CatalogEntry>> {
                (**self).list()
            }
            fn delete(&self, id: &str) -> Result<bool> {
                (**self).delete(id)
            }
            fn put_if(
                &self,
                entry: &CatalogEntry,
                expected: Expected<'_, CatalogEntry>,
            ) -> Result<()> {
                (**self).put_if(entry, expected)
            }
            fn managed(&self) -> Option<&dyn ManagedCatalog> {
                (**self).managed()
            }
            fn exists(&self, id_or_ref: &str) -> Result<bool> {
                (**self).exists(id_or_ref)
            }
            fn locate(&self, mr: &ModelRef) -> Result<Option<ResolvedModel>> {
                (**self).locate(mr)
            }
        }
    )+};
}

forward_catalog_store!(&T, Box<T>, Arc<T>);
