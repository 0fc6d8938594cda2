use std::collections::BTreeMap;
use std::iter;
use std::path::Path;
use std::sync::Arc;

use super::composer::Composer;
use super::entries::Entry;
use super::format;
use super::line::line;
use super::record::Record;
use super::snapshot::{Head, Snapshot};
use crate::root::{StoreRoot, Tombstone};

/// The new record of an entry, or `None` if the entry is removed.
type Change<R> = Option<Arc<R>>;

/// Changes to an index that all become visible at once, or not at all.
///
/// An edit keeps its changes apart from its base snapshot. So a write serialises only the changed
/// records, and copies the lines of the others.
#[derive(Debug)]
pub(crate) struct Edit<R> {
    base: Arc<Snapshot<R>>,
    /// The latest change of each id.
    changes: BTreeMap<Arc<str>, Change<R>>,
    tombstones: Vec<Tombstone>,
    /// All changes, the oldest first: the changed id, and its earlier change in this edit, if there
    /// was one.
    undo: Vec<(Arc<str>, Option<Change<R>>)>,
}

/// A state of an edit that a roll-back restores.
#[derive(Debug)]
pub(super) struct Savepoint {
    changes: usize,
    tombstones: Vec<Tombstone>,
}

impl<R: Record> Edit<R> {
    pub(super) fn of(base: Arc<Snapshot<R>>) -> Self {
        Self {
            tombstones: base.tombstones().to_vec(),
            base,
            changes: BTreeMap::new(),
            undo: Vec::new(),
        }
    }

    /// Returns the record of an id, with the changes of this edit.
    pub(crate) fn get(&self, id: &str) -> Option<&R> {
        match self.changes.get(id) {
            Some(changed) => changed.as_deref(),
            None => self.base.get(id),
        }
    }

    /// Returns all records with their ids, with the changes of this edit, sorted by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &R)> {
        let mut unchanged = self.base.iter().peekable();
        let changes = self.changes.iter();
        let mut changed = changes.map(|(id, to)| (&**id, to.as_deref())).peekable();
        iter::from_fn(move || {
            loop {
                let is_changed = match (unchanged.peek(), changed.peek()) {
                    (Some((old, _)), Some((new, _))) if old == new => {
                        unchanged.next();
                        true
                    }
                    (Some((old, _)), Some((new, _))) => old > new,
                    (None, Some(_)) => true,
                    (_, None) => false,
                };
                if !is_changed {
                    return unchanged.next();
                }
                if let Some((id, Some(record))) = changed.next() {
                    return Some((id, record));
                }
            }
        })
    }

    /// Stores a record. Fields that a newer release gave to the previous record are kept.
    pub(crate) fn insert(&mut self, id: &str, record: R) {
        if self.get(id) != Some(&record) {
            self.change(id, Some(Arc::new(record)));
        }
    }

    /// Removes a record and returns it.
    pub(crate) fn remove(&mut self, id: &str) -> Option<R> {
        let record = self.get(id)?.clone();
        self.change(id, None);
        Some(record)
    }

    fn change(&mut self, id: &str, to: Change<R>) {
        let id: Arc<str> = id.into();
        let before = self.changes.insert(Arc::clone(&id), to);
        self.undo.push((id, before));
    }

    pub(crate) fn tombstones(&self) -> &[Tombstone] {
        &self.tombstones
    }

    /// Adds the tombstone of an artifact that no entry names any longer.
    pub(crate) fn add_tombstone(&mut self, tombstone: Tombstone) {
        if !self.tombstones.contains(&tombstone) {
            self.tombstones.push(tombstone);
        }
    }

    /// Drops the tombstone of an artifact.
    pub(crate) fn drop_tombstone(&mut self, tombstone: &Tombstone) {
        self.tombstones.retain(|other| other != tombstone);
    }

    /// Drops the tombstones of a path that an entry names from now on, of the paths below it, and
    /// of the folders above it.
    pub(crate) fn drop_tombstones_of(&mut self, stored: &Path) {
        self.tombstones
            .retain(|tombstone| !tombstone.touches(stored));
    }

    /// Drops the tombstones of artifacts that no longer exist.
    pub(super) fn drop_tombstones_of_what_is_gone(&mut self, root: &StoreRoot) {
        Tombstone::drop_of_what_is_gone(&mut self.tombstones, root);
    }

    pub(super) fn savepoint(&self) -> Savepoint {
        Savepoint {
            changes: self.undo.len(),
            tombstones: self.tombstones.clone(),
        }
    }

    /// Undoes all changes since a savepoint.
    pub(super) fn roll_back(&mut self, to: Savepoint) {
        for (id, before) in self.undo.drain(to.changes..).rev() {
            match before {
                Some(before) => self.changes.insert(id, before),
                None => self.changes.remove(&id),
            };
        }
        self.tombstones = to.tombstones;
    }

    /// Returns true if the changes together change the index.
    pub(super) fn is_changed(&self) -> bool {
        let mut changes = self.changes.iter();
        changes.any(|(id, to)| self.base.get(id) != to.as_deref())
            || self.tombstones != self.base.tombstones()
    }

    /// Creates the next generation in the memory of `buffer`. The lines of unchanged entries are
    /// copied unchanged.
    pub(super) fn into_next(self, buffer: Vec<u8>) -> Snapshot<R> {
        let base = &*self.base;
        let head = Head {
            version: R::VERSION,
            generation: base.head.generation.saturating_add(1),
            tombstones: self.tombstones,
            extra: base.head.extra.clone(),
        };
        let mut text = Composer::new(&format::head_line(&head), buffer, base.text.bytes().len());
        let mut changed = Vec::with_capacity(self.changes.len());
        let mut copied = 0;
        for (id, to) in self.changes {
            let place = base.entries.place(&id);
            let until = place.unwrap_or_else(|place| place);
            text.copy(&base.text, copied..until);
            copied = until + usize::from(place.is_ok());
            let entry = to.map(|record| {
                let before = place.ok().map(|at| base.text.line(at));
                text.push(&line(&id, &*record, before));
                Entry { id, record }
            });
            changed.push((until..copied, entry));
        }
        text.copy(&base.text, copied..base.len());
        let mut entries = base.entries.clone();
        // Begin with the last change, so that the numbers of the earlier entries stay valid.
        for (numbers, entry) in changed.into_iter().rev() {
            entries.splice(numbers, entry.into_iter().collect());
        }
        Snapshot {
            head,
            text: text.finish(),
            entries,
        }
    }
}
