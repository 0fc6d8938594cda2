use super::record::Record;
use super::snapshot::{Entries, Snapshot, Stored};

/// Changes to an index that become visible together, or not at all.
#[derive(Debug)]
pub(crate) struct Edit<R> {
    entries: Entries<R>,
    is_changed: bool,
}

impl<R: Record> Edit<R> {
    pub(super) fn of(snapshot: &Snapshot<R>) -> Self {
        Self {
            entries: snapshot.entries.clone(),
            is_changed: false,
        }
    }

    /// The record as of this edit.
    pub(crate) fn get(&self, id: &str) -> Option<&R> {
        self.entries.get(id).map(|stored| &stored.record)
    }

    /// Stores a record; fields that a newer release gave to the one before it stay. What is there
    /// already is no change.
    pub(crate) fn insert(&mut self, id: &str, mut record: R) {
        if let Some(old) = self.get(id) {
            *record.unknown() = old.clone().unknown().clone();
            if *old == record {
                return;
            }
        }
        self.entries.insert(id.into(), Stored::new(record));
        self.is_changed = true;
    }

    /// Removes a record and returns it.
    pub(crate) fn remove(&mut self, id: &str) -> Option<R> {
        let removed = self.entries.remove(id)?;
        self.is_changed = true;
        Some(removed.record.clone())
    }

    /// The next generation, if anything changed.
    pub(super) fn into_next(self, base: &Snapshot<R>) -> Option<Snapshot<R>> {
        self.is_changed.then(|| Snapshot {
            generation: base.generation.saturating_add(1),
            entries: self.entries,
            unknown: base.unknown.clone(),
        })
    }
}
