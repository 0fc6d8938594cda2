use std::sync::{Mutex, MutexGuard, PoisonError};

use super::journal::{Journal, Partial};
use crate::error::Result;
use crate::reference::ModelId;
use crate::root::{Layout, StagingFolder};

/// The journal of a staging area in use. Threads share it.
#[derive(Debug)]
pub(super) struct StagingJournal {
    layout: Layout,
    folder: StagingFolder,
    journal: Mutex<Journal>,
}

impl StagingJournal {
    pub(super) fn new(layout: &Layout, folder: &StagingFolder, id: &ModelId) -> Self {
        Self {
            layout: layout.clone(),
            folder: folder.clone(),
            journal: Mutex::new(Journal::new(id)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the durable bytes of a file.
    pub(super) fn note(&self, name: &str, partial: Partial) -> Result<()> {
        let mut journal = self.lock();
        journal.files.insert(name.to_owned(), partial);
        journal.write(&self.layout, &self.folder)
    }

    /// Removes a file from the journal.
    pub(super) fn forget(&self, name: &str) -> Result<()> {
        let mut journal = self.lock();
        match journal.files.remove(name) {
            Some(_) => journal.write(&self.layout, &self.folder),
            None => Ok(()),
        }
    }

    /// Returns true if a later process can continue a file of the staging area.
    pub(super) fn keeps_files(&self) -> bool {
        self.lock().files.values().any(|file| file.durable > 0)
    }
}
