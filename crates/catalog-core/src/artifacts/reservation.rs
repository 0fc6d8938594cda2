//! The reservation of space for a staging area.

use std::io::{Seek, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::claim::{Claim, forget_own_claim, note_own_claim};
use super::journal::make_room;
use super::space::{Room, admit, space_written};
use super::store::ArtifactStore;
use crate::error::{CatalogError, Result};
use crate::reference::ModelId;
use crate::root::{FileLock, StagingFolder};

/// The minimum and maximum number of bytes that are reserved in advance when a writer needs more
/// space than is reserved.
const AHEAD: (u64, u64) = (1 << 20, 256 << 20);

/// The space below the root that is reserved for a [`Staging`](super::Staging). Clones share one
/// reservation.
#[derive(Debug, Clone)]
pub struct Reservation(Arc<Mutex<Reserved>>);

#[derive(Debug)]
struct Reserved {
    store: ArtifactStore,
    folder: StagingFolder,
    id: ModelId,
    /// The lock on the claim. It is held while the staging area is in use.
    claim: FileLock,
    needed: u64,
}

impl Reservation {
    /// Creates an empty reservation for a new staging area. The caller has created its claim.
    pub(super) fn new(
        store: &ArtifactStore,
        folder: &StagingFolder,
        claim: FileLock,
        id: &ModelId,
    ) -> Self {
        note_own_claim(folder, id, 0);
        Self(Arc::new(Mutex::new(Reserved {
            store: store.clone(),
            folder: folder.clone(),
            id: id.clone(),
            claim,
            needed: 0,
        })))
    }

    /// Measures the staging area, and reserves more space if its files take more than is reserved.
    /// While another program writes into the staging area, the caller calls this several times a
    /// second.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NoSpace`] if the disk or the budget has no room for the space. Then the
    /// caller must stop the program that writes.
    pub fn check(&self) -> Result<()> {
        let mut reserved = self.lock();
        let written = space_written(&reserved.folder.artifact().files())?;
        reserved.grow_to(written)
    }

    /// Reserves exactly the space that the files take, if that is more than is reserved. It is
    /// called when nothing writes into the staging area any longer.
    pub(super) fn check_at_end(&self) -> Result<()> {
        let mut reserved = self.lock();
        let written = space_written(&reserved.folder.artifact().files())?;
        match written <= reserved.needed {
            true => Ok(()),
            false => reserved.reserve(written, Room::DiskAndBudget),
        }
    }

    /// Sets the reservation to `needed` bytes in total, including the written bytes.
    pub(super) fn reserve(&self, needed: u64, room: Room) -> Result<()> {
        self.lock().reserve(needed, room)
    }

    /// Reserves more space if less than `needed` bytes in total are reserved, including the written
    /// bytes.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NoSpace`] if the disk or the budget has no room for the bytes.
    pub fn grow_to(&self, needed: u64) -> Result<()> {
        self.lock().grow_to(needed)
    }

    fn lock(&self) -> MutexGuard<'_, Reserved> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reserved {
    fn grow_to(&mut self, needed: u64) -> Result<()> {
        if needed <= self.needed {
            return Ok(());
        }
        let ahead = needed.saturating_add(needed.clamp(AHEAD.0, AHEAD.1));
        let half = match self.reserve(ahead, Room::DiskAndBudget) {
            Err(CatalogError::NoSpace { free, reserved, .. }) => free.saturating_sub(reserved) / 2,
            reserved => return reserved,
        };
        match self.reserve(needed.saturating_add(half), Room::DiskAndBudget) {
            Err(CatalogError::NoSpace { .. }) => self.reserve(needed, Room::DiskAndBudget),
            reserved => reserved,
        }
    }

    fn reserve(&mut self, needed: u64, room: Room) -> Result<()> {
        let lock = self.store.lock()?;
        let mut admitted = admit(&self.store, &self.folder, needed, room);
        if let Err(CatalogError::NoSpace {
            needed: asked,
            free,
            reserved,
            ..
        }) = &admitted
        {
            // Partial files that no process writes give way to this model.
            let missing = asked.saturating_sub(free.saturating_sub(*reserved));
            if make_room(&self.store, &self.id, missing)? {
                admitted = admit(&self.store, &self.folder, needed, room);
            }
        }
        let done = admitted.and_then(|()| self.rewrite_claim(needed));
        drop(lock);
        done
    }

    fn rewrite_claim(&mut self, needed: u64) -> Result<()> {
        let path = self.folder.claim();
        let text = Claim::new(&self.id, needed).to_text();
        let file = self.claim.file_mut();
        let mut write = || {
            file.rewind()?;
            file.write_all(text.as_bytes())?;
            file.set_len(text.len() as u64)
        };
        write().map_err(|error| CatalogError::io("write", &path, error))?;
        self.needed = needed;
        note_own_claim(&self.folder, &self.id, needed);
        Ok(())
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        forget_own_claim(&self.folder);
    }
}
