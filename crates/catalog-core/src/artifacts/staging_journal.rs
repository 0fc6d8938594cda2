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

    /// Records the number of durable bytes of a file. Zero removes the file from the journal.
    pub(super) fn note(&self, name: &str, source_version: &str, durable: u64) -> Result<()> {
        let mut journal = self.lock();
        let known = journal.files.get(name).map(|partial| partial.durable);
        match durable {
            0 if known.is_none() => return Ok(()),
            0 => drop(journal.files.remove(name)),
            _ => {
                let partial = Partial {
                    source_version: source_version.to_owned(),
                    durable,
                };
                journal.files.insert(name.to_owned(), partial);
            }
        }
        journal.write(&self.layout, &self.folder)
    }

    /// Returns true if a later process can continue a file of the staging area.
    pub(super) fn keeps_files(&self) -> bool {
        self.lock().files.values().any(|file| file.durable > 0)
    }
}
