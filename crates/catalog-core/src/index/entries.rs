use std::ops::Range;
use std::sync::Arc;

/// The maximum number of entries in a chunk.
const MAX_CHUNK: usize = 256;

/// A chunk with fewer entries is joined with a neighbour.
const MIN_CHUNK: usize = 32;

/// A record and its id.
#[derive(Debug)]
pub(super) struct Entry<R> {
    pub(super) id: Arc<str>,
    pub(super) record: Arc<R>,
}

impl<R> Clone for Entry<R> {
    fn clone(&self) -> Self {
        Self {
            id: Arc::clone(&self.id),
            record: Arc::clone(&self.record),
        }
    }
}

/// A sorted run of entries, with a short hash of each id. A search reads the hashes, which are
/// contiguous in memory, and then compares one id. Comparing many ids would wait for memory at each
/// of them.
#[derive(Debug)]
struct Chunk<R> {
    entries: Vec<Entry<R>>,
    hashes: Vec<u32>,
}

impl<R> Chunk<R> {
    fn new(entries: &[Entry<R>]) -> Self {
        Self {
            entries: entries.to_vec(),
            hashes: entries.iter().map(|entry| short_hash(&entry.id)).collect(),
        }
    }

    fn find(&self, id: &str, hash: u32) -> Option<&Entry<R>> {
        let hashed = self.entries.iter().zip(&self.hashes);
        hashed
            .filter(|(_, of_entry)| **of_entry == hash)
            .map(|(entry, _)| entry)
            .find(|entry| *entry.id == *id)
    }
}

/// Computes a short hash of an id, one word at a time. Each read of an entry calls this, so it must
/// be fast.
fn short_hash(id: &str) -> u32 {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let words = id.as_bytes().chunks(8).map(|part| {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        u64::from_le_bytes(word)
    });
    let hash = words.fold(0_u64, |hash, word| {
        (hash.rotate_left(23) ^ word).wrapping_mul(MIX)
    });
    (hash >> 32) as u32
}

/// The entries of an index, sorted by id. Snapshots share their chunks, so a change copies one
/// chunk and not the whole list.
#[derive(Debug)]
pub(super) struct Entries<R> {
    /// The chunks. No chunk is empty.
    chunks: Vec<Arc<Chunk<R>>>,
    /// The number of the first entry of each chunk.
    starts: Vec<usize>,
    /// The id of the first entry of each chunk. A search begins here, and does not read the chunks.
    firsts: Vec<Arc<str>>,
    len: usize,
}

impl<R> Clone for Entries<R> {
    fn clone(&self) -> Self {
        Self {
            chunks: self.chunks.clone(),
            starts: self.starts.clone(),
            firsts: self.firsts.clone(),
            len: self.len,
        }
    }
}

impl<R> Entries<R> {
    /// Creates the list from entries that are sorted by id.
    pub(super) fn new(sorted: Vec<Entry<R>>) -> Self {
        let mut entries = Self {
            chunks: Vec::new(),
            starts: Vec::new(),
            firsts: Vec::new(),
            len: 0,
        };
        entries.splice(0..0, sorted);
        entries
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns all entries. The iterator knows their number, so a list of them is allocated once.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Entry<R>> {
        let mut entries = self.chunks.iter().flat_map(|chunk| &chunk.entries);
        (0..self.len).map(move |_| entries.next().expect("`len` entries lie in the chunks"))
    }

    /// Returns the entries with these numbers.
    pub(super) fn range(&self, numbers: Range<usize>) -> impl Iterator<Item = &Entry<R>> {
        numbers.filter_map(|number| self.get(number))
    }

    pub(super) fn get(&self, number: usize) -> Option<&Entry<R>> {
        let chunk = self.chunk_of(number)?;
        self.chunks[chunk].entries.get(number - self.starts[chunk])
    }

    /// Returns the entry with this id.
    pub(super) fn find(&self, id: &str) -> Option<&Entry<R>> {
        self.chunks[self.chunk_for(id)?].find(id, short_hash(id))
    }

    /// Returns the number of the entry with this id, or as the error the number that such an entry
    /// would get.
    pub(super) fn place(&self, id: &str) -> Result<usize, usize> {
        let chunk = self.chunk_for(id).ok_or(0_usize)?;
        let start = self.starts[chunk];
        self.chunks[chunk]
            .entries
            .binary_search_by(|entry| (*entry.id).cmp(id))
            .map(|at| start + at)
            .map_err(|at| start + at)
    }

    /// Replaces the entries with these numbers by other entries.
    pub(super) fn splice(&mut self, numbers: Range<usize>, with: Vec<Entry<R>>) {
        let last = self.chunks.len().saturating_sub(1);
        let first = self.chunk_of(numbers.start).unwrap_or(last);
        let mut end = match numbers.is_empty() {
            true => first,
            false => self.chunk_of(numbers.end - 1).unwrap_or(last),
        };
        let mut joined = Vec::new();
        if let Some(chunk) = self.chunks.get(first) {
            joined.extend_from_slice(&chunk.entries[..numbers.start - self.starts[first]]);
        }
        joined.extend(with);
        if let Some(chunk) = self.chunks.get(end) {
            joined.extend_from_slice(&chunk.entries[numbers.end - self.starts[end]..]);
            if joined.len() < MIN_CHUNK && end < last {
                end += 1;
                joined.extend_from_slice(&self.chunks[end].entries);
            }
        }
        let parts = joined.len().div_ceil(MAX_CHUNK).max(1);
        let size = joined.len().div_ceil(parts).max(1);
        let chunks: Vec<_> = joined
            .chunks(size)
            .map(|chunk| Arc::new(Chunk::new(chunk)))
            .collect();
        let replaced = first..self.chunks.len().min(end + 1);
        self.chunks.splice(replaced, chunks);
        self.count();
    }

    fn chunk_of(&self, number: usize) -> Option<usize> {
        if number >= self.len {
            return None;
        }
        let behind = self.starts.partition_point(|start| *start <= number);
        behind.checked_sub(1)
    }

    /// Returns the only chunk that can hold an id.
    fn chunk_for(&self, id: &str) -> Option<usize> {
        let behind = self.firsts.partition_point(|first| &**first <= id);
        behind.checked_sub(1)
    }

    /// Updates the numbers and the first ids of the chunks.
    fn count(&mut self) {
        self.starts.clear();
        self.firsts.clear();
        self.len = 0;
        for chunk in &self.chunks {
            self.starts.push(self.len);
            self.firsts.push(Arc::clone(&chunk.entries[0].id));
            self.len += chunk.entries.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: usize) -> Entry<usize> {
        Entry {
            id: format!("{id:06}").into(),
            record: Arc::new(id),
        }
    }

    /// CAT-482: after any replacement, the chunks hold the same entries as a plain sorted list.
    #[test]
    fn entries_in_chunks_are_those_of_a_plain_list() {
        let mut plain: Vec<usize> = (0..1000).map(|number| number * 1000).collect();
        let mut entries = Entries::new(plain.iter().copied().map(entry).collect());
        let mut seed = 7_usize;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below.max(1)
        };
        for round in 0..600 {
            let start = random(plain.len() + 1);
            // The list shrinks to nothing, and then grows again.
            let most = if round < 300 { 40 } else { 8 };
            let end = (start + random(most)).min(plain.len());
            let low = start.checked_sub(1).map_or(0, |before| plain[before] + 1);
            let count = random(if round < 300 { 4 } else { 40 });
            let free = plain.get(end).map_or(usize::MAX, |next| *next) - low;
            let with: Vec<usize> = (0..count.min(free)).map(|number| low + number).collect();
            entries.splice(start..end, with.iter().copied().map(entry).collect());
            plain.splice(start..end, with);
            let ids: Vec<usize> = entries.iter().map(|entry| *entry.record).collect();
            assert_eq!(ids, plain);
            assert_eq!(entries.len(), plain.len());
            for (number, id) in plain.iter().enumerate().step_by(37) {
                assert_eq!(entries.place(&format!("{id:06}")), Ok(number));
                assert_eq!(entries.get(number).map(|entry| *entry.record), Some(*id));
                let found = entries.find(&format!("{id:06}"));
                assert_eq!(found.map(|entry| *entry.record), Some(*id));
                let next = plain.get(number + 1);
                if next != Some(&(id + 1)) {
                    assert_eq!(entries.place(&format!("{:06}", id + 1)), Err(number + 1));
                    assert!(entries.find(&format!("{:06}", id + 1)).is_none());
                }
            }
            assert!(entries.chunks.iter().all(|chunk| !chunk.entries.is_empty()));
        }
    }
}
