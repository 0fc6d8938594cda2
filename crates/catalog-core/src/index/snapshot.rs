use super::entries::Entries;
use super::record::Record;
use super::text::IndexText;
use crate::root::Tombstone;

/// The content of an index at one generation. A snapshot never changes.
///
/// It keeps the text of its file. The next file is parsed or composed from its differences to this
/// text.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot<R> {
    pub(super) head: Head,
    /// The text in the current format, even if an older release wrote the file.
    pub(super) text: IndexText,
    /// The entries, sorted by id. Entry `n` is line `n` of the text.
    pub(super) entries: Entries<R>,
}

/// The fields of the first line of an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) version: u64,
    /// The number of times that the file was replaced.
    pub(super) generation: u64,
    pub(super) tombstones: Vec<Tombstone>,
    /// The fields of a newer release, with their exact text. A comma follows each field.
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

    /// Returns all records with their ids, sorted by id.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &R)> {
        self.entries
            .iter()
            .map(|entry| (&*entry.id, &*entry.record))
    }
}
