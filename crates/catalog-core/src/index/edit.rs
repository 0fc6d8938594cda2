use std::iter;
use std::sync::Arc;

use super::record::Record;
use super::snapshot::{Changes, Content, Snapshot, Stored};

/// Changes to an index that become visible together, or not at all.
///
/// They lie beside the snapshot that they change, so that a write does not copy what stays.
#[derive(Debug)]
pub(crate) struct Edit<R> {
    base: Arc<Snapshot<R>>,
    changes: Changes<R>,
    /// What each change found among the changes, oldest first.
    undo: Vec<Undo<R>>,
}

/// An id, and what had been changed of it before.
type Undo<R> = (Arc<str>, Option<Option<Arc<Stored<R>>>>);

/// A state of an edit that can be returned to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Savepoint(usize);

impl<R: Record> Edit<R> {
    pub(super) fn of(base: Arc<Snapshot<R>>) -> Self {
        Self {
            base,
            changes: Changes::new(),
            undo: Vec::new(),
        }
    }

    /// The record as of this edit.
    pub(crate) fn get(&self, id: &str) -> Option<&R> {
        match self.changes.get(id) {
            Some(changed) => changed.as_deref().map(|stored| &stored.record),
            None => self.base.get(id),
        }
    }

    /// All records as of this edit with their ids, sorted by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &R)> {
        self.stored().map(|(id, stored)| (id, &stored.record))
    }

    fn stored(&self) -> impl Iterator<Item = (&str, &Stored<R>)> + Clone {
        let mut unchanged = self.base.entries.iter().peekable();
        let mut changed = self.changes.iter().peekable();
        iter::from_fn(move || {
            loop {
                let next = match (unchanged.peek(), changed.peek()) {
                    (Some((old, _)), Some((new, _))) if old < new => None,
                    (Some((old, _)), Some((new, _))) if old == new => {
                        unchanged.next();
                        changed.next()
                    }
                    (_, Some(_)) => changed.next(),
                    (_, None) => None,
                };
                match next {
                    None => return unchanged.next().map(|(id, stored)| (&**id, &**stored)),
                    Some((id, Some(stored))) => return Some((&**id, &**stored)),
                    Some((_, None)) => {}
                }
            }
        })
    }

    /// Stores a record; fields that a newer release gave to the one before it stay.
    pub(crate) fn insert(&mut self, id: &str, mut record: R) {
        if let Some(old) = self.get(id) {
            *record.extra() = old.clone().extra().clone();
            if *old == record {
                return;
            }
        }
        self.change(id, Some(Stored::new(record)));
    }

    /// Removes a record and returns it.
    pub(crate) fn remove(&mut self, id: &str) -> Option<R> {
        let record = self.get(id)?.clone();
        self.change(id, None);
        Some(record)
    }

    fn change(&mut self, id: &str, to: Option<Arc<Stored<R>>>) {
        let id: Arc<str> = id.into();
        let before = self.changes.insert(Arc::clone(&id), to);
        self.undo.push((id, before));
    }

    pub(super) fn savepoint(&self) -> Savepoint {
        Savepoint(self.undo.len())
    }

    /// Takes back all changes since a savepoint.
    pub(super) fn roll_back(&mut self, to: Savepoint) {
        for (id, before) in self.undo.drain(to.0..).rev() {
            match before {
                Some(before) => self.changes.insert(id, before),
                None => self.changes.remove(&id),
            };
        }
    }

    /// Whether all changes together change anything.
    pub(super) fn is_changed(&self) -> bool {
        self.changes
            .iter()
            .any(|(id, to)| self.base.get(id) != to.as_deref().map(|stored| &stored.record))
    }

    /// What the next generation consists of.
    pub(super) fn content(&self) -> Content<'_, impl Iterator<Item = (&str, &Stored<R>)> + Clone> {
        Content {
            generation: self.base.generation.saturating_add(1),
            extra: &self.base.extra,
            entries: self.stored(),
        }
    }

    /// What is changed, and of which snapshot.
    pub(super) fn into_parts(self) -> (Arc<Snapshot<R>>, Changes<R>) {
        (self.base, self.changes)
    }
}
