use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::managed::ManagedCatalog;
use crate::entry::Expected;
use crate::entry::{CatalogEntry, LifecycleState, ResolvedModel};
use crate::error::{CatalogError, Result};
use crate::reference::ModelRef;

/// Which models are on this host, where, in what state, and what proves their bytes.
///
/// # Contract
///
/// - **Durable.** A change that returned `Ok` survives a crash and a power cut, as far as the
///   store outlives the process at all; one that returned an error changed nothing, unless the
///   error says that the outcome is unknown.
/// - **Current.** A call sees every change that returned before it began, of whichever process.
/// - **Whole.** Concurrent changes of different entries all survive; of one entry, one wins
///   whole. Nobody sees half a change.
/// - **Ids** are any non-empty text of up to [`MAX_ID_LEN`](crate::MAX_ID_LEN) bytes, compared byte
///   by byte.
/// - **Paths.** A relative `local_path` means relative to the store's root; what comes back is
///   absolute. A path below the root that leaves it, the root itself and the store's own files are
///   refused. Files outside the root are recorded, never written, never deleted.
/// - **Existence** of the artifact is no condition of an entry: [`exists`](Self::exists) and
///   [`locate`](Self::locate) look.
/// - Implementations are shared between threads; `&T`, `Box<T>` and `Arc<T>` behave as `T`.
///
/// Implementations run the suite in `conformance` (a feature of this crate).
pub trait CatalogStore: Send + Sync {
    /// The entry with this id.
    fn get(&self, id: &str) -> Result<Option<CatalogEntry>>;

    /// Adds the entry, or replaces the one with its id.
    ///
    /// # Errors
    ///
    /// [`CatalogError::InvalidEntry`] and [`CatalogError::PathRefused`] for what a catalog cannot
    /// hold.
    fn put(&self, entry: &CatalogEntry) -> Result<()>;

    /// Changes the state of an entry and nothing else of it.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NotFound`] if there is no such entry.
    fn set_state(&self, id: &str, state: LifecycleState) -> Result<()>;

    /// All entries, sorted by id.
    fn list(&self) -> Result<Vec<CatalogEntry>>;

    /// Removes the entry, then its artifact if that lies below the root and no other entry uses
    /// it. `false` if there was no such entry.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ArtifactKept`] if the entry is gone but its artifact could not be removed.
    fn delete(&self, id: &str) -> Result<bool>;

    /// [`put`](Self::put), if what is there is as expected.
    ///
    /// The provided method looks first and writes then, so a change in between is lost;
    /// implementations that are shared do better, as those of this crate do.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Conflict`] if it is not; else as `put`.
    fn put_if(&self, entry: &CatalogEntry, expected: Expected<'_, CatalogEntry>) -> Result<()> {
        expected.check(&entry.id, self.get(&entry.id)?.as_ref())?;
        self.put(entry)
    }

    /// The abilities of a catalog that has an artifact store; none if this one has no store. A
    /// wrapper passes them on.
    fn managed(&self) -> Option<&dyn ManagedCatalog> {
        None
    }

    /// Whether the model with this id, or that this reference names, is registered in any state
    /// and its artifact is on disk now.
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

    /// Where the model is that a reference names, if it is registered, Active and on disk now.
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

fn is_on_disk(path: &Path) -> Result<bool> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.is_file() || metadata.is_dir()),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(false),
            _ => Err(CatalogError::io("look at", path, error)),
        },
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
