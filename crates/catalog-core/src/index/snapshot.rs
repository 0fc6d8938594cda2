use super::entries::Entries;
use super::record::Record;
use super::text::IndexText;
use crate::root::Tombstone;

/// The content of an index at one generation; never changes.
///
/// It keeps the text of its file, so that the next file is read and written by its differences.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot<R> {
    pub(super) head: Head,
    /// The text in the current format, also if an older release wrote the file.
    pub(super) text: IndexText,
    /// Sorted by id; entry `n` is line `n` of the text.
    pub(super) entries: Entries<R>,
}

/// The fields of the first line of an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) version: u64,
    /// The number of replacements of the file.
    pub(super) generation: u64,
    pub(super) tombstones: Vec<Tombstone>,
    /// Fields of a newer release as they stand in the file, each with a comma behind it.
    pub(super) extra: String,
}

impl<R: Record> Snapshot<R> {
    pub(crate) fn generation(&self) -> u64 {
        self.head.generation
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn tombstones(&self) -> &[Tombstone] {
        &self.head.tombstones
    }

    pub(crate) fn get(&self, id: &str) -> Option<&R> {
        self.entries.find(id).map(|entry| &*entry.record)
    }

    /// All records with their ids, sorted by id.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &R)> {
        self.entries
            .iter()
            .map(|entry| (&*entry.id, &*entry.record))
    }
}
