//! The state that the threads of a transfer share.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use catalog_core::fetching::{FetchedBytes, PartWriter};
use catalog_core::{CatalogError, Digest, Progress};

use super::check::Version;
use super::range::ByteRange;
use super::window;
use crate::net::Ask;

/// The state of a transfer.
#[derive(Default)]
pub(super) struct State {
    /// The numbers of the files that have not begun.
    pub(super) pending: VecDeque<usize>,
    /// The files whose bytes arrive, by their numbers.
    pub(super) active: BTreeMap<usize, Active>,
    /// The files that have ended, by their numbers.
    pub(super) done: BTreeMap<usize, Done>,
    /// The number of times that each file started again because it changed, and because its body
    /// ended early.
    pub(super) restarts: BTreeMap<usize, (u32, u32)>,
    /// The first failure. It ends the transfer.
    pub(super) failed: Option<Failure>,
    /// The number of worker threads, and of those that handle a file or a part.
    pub(super) workers: usize,
    pub(super) busy: usize,
    /// The number of connections that the pace allows.
    pub(super) connections: usize,
    /// The number of bytes that one connection fetches in a second, if it is known. A part takes
    /// about a second. Long parts would delay the hash, which reads the bytes in order.
    pub(super) rate: Option<u64>,
    /// The sum of the known sizes of files that have begun.
    pub(super) reserved: u64,
    pub(super) bytes: FetchedBytes,
    /// The number of files.
    pub(super) files: usize,
    /// The sum of all sizes, if all are known before the first request.
    pub(super) known_total: Option<u64>,
    /// Buffers to use again: fresh memory for each chunk would cost more than the hash.
    pub(super) buffers: Vec<Vec<u8>>,
}

/// The reason why a transfer ends early.
#[derive(Debug)]
pub(super) enum Failure {
    Error(CatalogError),
    /// The model has at least this size, which is more than is allowed.
    TooLarge(u64),
}

/// A file whose bytes arrive.
pub(super) struct Active {
    pub(super) name: String,
    pub(super) ask: Ask,
    pub(super) version: Version,
    /// The size. It is `None` until the end of a body without a stated length.
    pub(super) size: Option<u64>,
    /// The number of bytes that are reserved for the file.
    pub(super) reserved: u64,
    pub(super) writer: PartWriter,
    /// The number of first bytes that an earlier call kept.
    pub(super) kept: u64,
    /// The begin of the bytes that no part has asked for.
    pub(super) next: u64,
    /// The parts that must be asked for again.
    pub(super) again: Vec<ByteRange>,
    /// The bytes that have arrived and are not hashed, by their place.
    pub(super) chunks: BTreeMap<u64, Vec<u8>>,
    pub(super) hashed: u64,
    pub(super) in_flight: usize,
    /// Whether the server sends the whole file only.
    pub(super) is_whole: bool,
    /// The reason to start the file again.
    pub(super) restart: Option<Restart>,
    pub(super) attempts: Attempts,
    /// Whether the file went back to its first request because a URL was refused, without a success
    /// since then.
    pub(super) is_resolved_again: bool,
    /// The time of that. Parts that were asked for before it used the refused URL.
    pub(super) resolved_at: Option<Instant>,
}

/// A reason to start a file again.
#[derive(Debug, Clone)]
pub(super) enum Restart {
    /// The file changed at the source.
    Changed(String),
    /// A body without ranges ended early.
    Interrupted(String),
    /// The bytes that an earlier call kept cannot be read, or have changed.
    WithoutKept,
}

/// The attempts of a file since its last progress.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Attempts {
    pub(super) failed: u32,
    /// The bytes that arrived since the last failure.
    pub(super) progress: u64,
    pub(super) not_before: Option<Instant>,
    /// The time of the last failure that counts. Parts that were asked for before it may fail for
    /// the same reason, so their failures do not count.
    pub(super) failed_at: Option<Instant>,
}

/// A file that has ended.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) version: Version,
    /// The SHA-256 by which the store had the file, if it had the file.
    pub(crate) reused: Option<Digest>,
}

/// The next work of a thread.
pub(super) enum Work {
    Begin(usize),
    Part(usize, ByteRange),
}

impl State {
    /// Takes the next work, if there is any now.
    pub(super) fn take_work(&mut self, now: Instant) -> Option<Work> {
        let part = window::part(self.connections, self.rate);
        let (ahead, connections) = (window::ahead(), self.connections);
        let mut ready: Vec<(usize, usize)> = self
            .active
            .iter()
            .filter(|(_, file)| file.has_part(ahead, now))
            .map(|(number, file)| (file.in_flight, *number))
            .collect();
        ready.sort_unstable();
        // A new file keeps the connections busy while the others wait for their hash.
        let may_begin = self.active.len() < connections.max(1) && !self.pending.is_empty();
        match ready.first() {
            Some((_, number)) => {
                let file = self.active.get_mut(number)?;
                let range = file.take_part(part)?;
                Some(Work::Part(*number, range))
            }
            None if may_begin => self.pending.pop_front().map(Work::Begin),
            None => None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.failed.is_some() || self.done.len() == self.files
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        self.failed.get_or_insert(failure);
    }

    /// Returns the progress of the whole transfer.
    pub(super) fn progress(&self) -> Progress {
        let FetchedBytes {
            fetched,
            resumed,
            reused,
            ..
        } = self.bytes;
        let done = fetched.saturating_add(resumed).saturating_add(reused);
        if let Some(total) = self.known_total {
            return Progress::of(done.min(total), total);
        }
        let is_known =
            self.pending.is_empty() && self.active.values().all(|file| file.size.is_some());
        let begun = self.active.values().filter_map(|file| file.size);
        let ended = self.done.values().map(|file| file.size);
        let total = begun.chain(ended).fold(0, u64::saturating_add);
        match is_known && self.active.len() + self.done.len() == self.files {
            true => Progress::of(done.min(total), total),
            false => Progress::new(done, None),
        }
    }
}

impl Active {
    fn has_part(&self, ahead: u64, now: Instant) -> bool {
        let is_due = self.attempts.not_before.is_none_or(|time| now >= time);
        let Some(size) = self.size else { return false };
        let end = self.hashed.saturating_add(ahead);
        let is_near = self.next < size && self.next < end;
        let is_again = self.again.iter().any(|range| range.begin < end);
        self.restart.is_none() && is_due && (is_again || is_near)
    }

    fn take_part(&mut self, part: u64) -> Option<ByteRange> {
        self.in_flight += 1;
        // The bytes that are hashed first are asked for first.
        self.again
            .sort_unstable_by_key(|range| std::cmp::Reverse(range.begin));
        if let Some(range) = self.again.pop() {
            return Some(range);
        }
        let begin = self.next;
        let end = begin.saturating_add(part).min(self.size?);
        self.next = end;
        Some(ByteRange { begin, end })
    }
}
