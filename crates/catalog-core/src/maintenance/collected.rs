use super::collection_plan::Removable;
use super::skipped::Skipped;
use crate::error::{CatalogError, Result};
use crate::state::Freed;

/// The result of a collection.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Collected {
    /// The artifacts and entries that were removed, in order.
    pub removed: Vec<Removable>,
    /// The planned removals that were not made, with the reasons. Examples: the artifact was used
    /// after it was planned, or it cannot be removed.
    pub spared: Vec<Skipped<Removable, CatalogError>>,
    /// The number of bytes that were freed on the disk.
    pub freed: u64,
}

impl Collected {
    /// Records the freed bytes, and the paths that could not be unlinked.
    pub(super) fn note_freed(&mut self, freed: Freed) {
        self.freed = self.freed.saturating_add(freed.bytes);
        let failed = freed.failed.into_iter();
        self.spared
            .extend(failed.map(|(path, error)| Skipped::new(Removable::Deleted(path), error)));
    }

    /// Records the result of a removal: the number of freed bytes, or `None` if there was nothing
    /// to remove.
    pub(super) fn note(&mut self, what: &Removable, outcome: Result<Option<u64>>) {
        match outcome {
            Ok(Some(freed)) => {
                self.freed = self.freed.saturating_add(freed);
                self.removed.push(what.clone());
            }
            Ok(None) => {}
            Err(error) => self.spared.push(Skipped::new(what.clone(), error)),
        }
    }
}
