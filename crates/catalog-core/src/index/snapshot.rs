use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::record::{ExtraFields, Record};

/// The content of an index at one generation; never changes.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot<R> {
    /// Counts the replacements of the file; 0 before the first.
    pub(super) generation: u64,
    /// By id, sorted.
    pub(super) entries: Entries<R>,
    /// Envelope fields of a newer release.
    pub(super) extra: ExtraFields,
}

pub(super) type Entries<R> = BTreeMap<Arc<str>, Arc<Stored<R>>>;

/// By id, what it becomes; None for one that is removed.
pub(super) type Changes<R> = BTreeMap<Arc<str>, Option<Arc<Stored<R>>>>;

/// What an index file is made of; the entries are sorted by id.
pub(super) struct Content<'s, I> {
    pub(super) generation: u64,
    pub(super) extra: &'s ExtraFields,
    pub(super) entries: I,
}

/// A record, and its line in the file once that has been needed.
#[derive(Debug)]
pub(super) struct Stored<R> {
    pub(super) record: R,
    line: OnceLock<Box<str>>,
}

impl<R: Record> Stored<R> {
    pub(super) fn new(record: R) -> Arc<Self> {
        Arc::new(Self {
            record,
            line: OnceLock::new(),
        })
    }

    /// A record with its line in the file.
    pub(super) fn with_line(record: R, line: &str) -> Arc<Self> {
        Arc::new(Self {
            record,
            line: OnceLock::from(Box::from(line)),
        })
    }

    /// Its line in the file, as `write` makes it when it is first needed.
    pub(super) fn line(&self, write: impl FnOnce(&R) -> String) -> &str {
        self.line.get_or_init(|| write(&self.record).into())
    }
}

impl<R: Record> Snapshot<R> {
    pub(super) fn empty() -> Self {
        Self {
            generation: 0,
            entries: BTreeMap::new(),
            extra: ExtraFields::new(),
        }
    }

    pub(super) fn content(&self) -> Content<'_, impl Iterator<Item = (&str, &Stored<R>)> + Clone> {
        Content {
            generation: self.generation,
            extra: &self.extra,
            entries: self.entries.iter().map(|(id, stored)| (&**id, &**stored)),
        }
    }

    /// Becomes the next generation.
    pub(super) fn advance(&mut self, changes: Changes<R>) {
        self.generation = self.generation.saturating_add(1);
        for (id, to) in changes {
            match to {
                Some(stored) => self.entries.insert(id, stored),
                None => self.entries.remove(&id),
            };
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&R> {
        self.entries.get(id).map(|stored| &stored.record)
    }

    /// All records with their ids, sorted by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &R)> {
        self.entries
            .iter()
            .map(|(id, stored)| (id.as_ref(), &stored.record))
    }
}
