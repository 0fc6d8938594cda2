use std::sync::Arc;

use super::record::Record;
use super::snapshot::{Entries, Snapshot, Stored};

/// Changes to an index that become visible together, or not at all.
#[derive(Debug)]
pub(crate) struct Edit<R> {
    base: Arc<Snapshot<R>>,
    entries: Entries<R>,
    /// What each change replaced, oldest first.
    replaced: Vec<Replaced<R>>,
}

/// An id, and what was stored under it.
type Replaced<R> = (Arc<str>, Option<Arc<Stored<R>>>);

/// A state of an edit that can be returned to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Savepoint(usize);

impl<R: Record> Edit<R> {
    pub(super) fn of(base: Arc<Snapshot<R>>) -> Self {
        Self {
            entries: base.entries.clone(),
            base,
            replaced: Vec::new(),
        }
    }

    /// The record as of this edit.
    pub(crate) fn get(&self, id: &str) -> Option<&R> {
        self.entries.get(id).map(|stored| &stored.record)
    }

    /// All records as of this edit with their ids, sorted by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &R)> {
        self.entries
            .iter()
            .map(|(id, stored)| (id.as_ref(), &stored.record))
    }

    /// Stores a record; fields that a newer release gave to the one before it stay.
    pub(crate) fn insert(&mut self, id: &str, mut record: R) {
        if let Some(old) = self.get(id) {
            *record.unknown() = old.clone().unknown().clone();
            if *old == record {
                return;
            }
        }
        let id: Arc<str> = id.into();
        let old = self.entries.insert(Arc::clone(&id), Stored::new(record));
        self.replaced.push((id, old));
    }

    /// Removes a record and returns it.
    pub(crate) fn remove(&mut self, id: &str) -> Option<R> {
        let (id, old) = self.entries.remove_entry(id)?;
        let record = old.record.clone();
        self.replaced.push((id, Some(old)));
        Some(record)
    }

    pub(super) fn savepoint(&self) -> Savepoint {
        Savepoint(self.replaced.len())
    }

    /// Takes back all changes since a savepoint.
    pub(super) fn roll_back(&mut self, to: Savepoint) {
        for (id, old) in self.replaced.drain(to.0..).rev() {
            match old {
                Some(old) => self.entries.insert(id, old),
                None => self.entries.remove(&id),
            };
        }
    }

    /// The next generation, unless all changes together change nothing.
    pub(super) fn finish(self) -> Finished<R> {
        let is_changed = self
            .replaced
            .iter()
            .any(|(id, _)| self.base.get(id) != self.entries.get(id).map(|stored| &stored.record));
        if !is_changed {
            return Finished::Unchanged;
        }
        Finished::Changed(Snapshot {
            generation: self.base.generation.saturating_add(1),
            entries: self.entries,
            unknown: self.base.unknown.clone(),
        })
    }
}

/// What an edit comes to.
pub(super) enum Finished<R> {
    Unchanged,
    Changed(Snapshot<R>),
}
