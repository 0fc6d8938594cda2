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
/// - **Durable.** If the store outlives the process, a change that returned `Ok` survives a crash
///   and a power cut. A change that returned an error changed nothing, with two exceptions.
///   [`OutcomeUnknown`](crate::CatalogError::OutcomeUnknown) leaves the outcome open, and
///   [`ArtifactKept`](crate::CatalogError::ArtifactKept) keeps the artifact of an entry that was
///   removed.
/// - **Current.** A call sees every change, by any process, that returned before the call began.
/// - **Atomic.** Concurrent changes of different entries are all kept. If several calls change one
///   entry, the whole change of one of them remains. No call sees half a change.
/// - **Ids.** An id is any non-empty text of up to [`ModelId::MAX_LEN`](crate::ModelId::MAX_LEN)
///   bytes, compared byte by byte.
/// - **Paths.** A relative `local_path` is relative to the root of the store. Returned paths are
///   absolute. The store refuses a path that is spelled as below the root but leads out of it, the
///   root itself, and the files of the store. A file outside the root can be registered; the store
///   never writes or deletes it.
/// - **Existence.** An entry can name an artifact that does not exist. [`exists`](Self::exists) and
///   [`locate`](Self::locate) check the disk.
/// - **Sharing.** Threads can share an implementation. `&T`, `Box<T>` and `Arc<T>` behave as `T`.
///
/// # Errors of an implementation
///
/// A store in a database returns [`Io`](crate::CatalogError::Io) with the error of the database as
/// its source, [`OutcomeUnknown`](crate::CatalogError::OutcomeUnknown) for a commit that failed, and
/// [`IndexDamaged`](crate::CatalogError::IndexDamaged) for an entry that it cannot decode.
///
/// An implementation can test itself with the suite in `conformance`, a feature of this crate.
pub trait CatalogStore: Send + Sync {
    /// Returns the entry with this id.
    fn get(&self, id: &str) -> Result<Option<CatalogEntry>>;

    /// Adds the entry, or replaces the entry with the same id.
    ///
    /// # Errors
    ///
    /// [`InvalidEntry`](crate::CatalogError::InvalidEntry) if the entry has a field that cannot be
    /// stored. [`PathRefused`](crate::CatalogError::PathRefused) if its path breaks the rules for
    /// paths.
    fn put(&self, entry: &CatalogEntry) -> Result<()>;

    /// Sets the state of an entry. Its other fields keep their values.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::CatalogError::NotFound) if there is no such entry.
    fn set_state(&self, id: &str, state: LifecycleState) -> Result<()>;

    /// Returns all entries, sorted by id.
    fn list(&self) -> Result<Vec<CatalogEntry>>;

    /// Removes the entry, and then its artifact if the artifact lies below the root and no other
    /// entry uses it. Returns `false` if there was no such entry.
    ///
    /// # Errors
    ///
    /// [`ArtifactKept`](crate::CatalogError::ArtifactKept) if the entry was removed but its
    /// artifact could not be removed. With [`FsCatalog`](crate::FsCatalog) that is also the answer
    /// for a model with a lease: the entry is gone, the files stay as long as the lease, and the next
    /// collection removes them. [`Pinned`](crate::CatalogError::Pinned) for a pinned model, of which
    /// nothing is removed.
    fn delete(&self, id: &str) -> Result<bool>;

    /// Adds or replaces the entry, if the present entry with its id is as expected.
    ///
    /// The provided method first reads and then writes, so it can overwrite a change that another
    /// caller makes in between. An implementation that several callers share must compare and write
    /// in one step, as those of this crate do.
    ///
    /// # Errors
    ///
    /// [`Conflict`](crate::CatalogError::Conflict) if the present entry is not as expected, and the
    /// errors of [`put`](Self::put).
    fn put_if(&self, entry: &CatalogEntry, expected: Expected<'_, CatalogEntry>) -> Result<()> {
        expected.check(&entry.id, self.get(&entry.id)?.as_ref())?;
        self.put(entry)
    }

    /// Returns the interface of a catalog on disk, if this catalog has an artifact store. A wrapper
    /// returns the interface of the catalog that it wraps.
    fn managed(&self) -> Option<&dyn ManagedCatalog> {
        None
    }

    /// Returns true if a model with this id or reference is registered, in any state, and its
    /// artifact is on disk.
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

    /// Returns the id and the path of the model of a reference, if the model is registered, Active
    /// and on disk.
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
