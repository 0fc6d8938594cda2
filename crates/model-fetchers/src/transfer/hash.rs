//! The thread that hashes one file in order, and makes its bytes durable.

use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use catalog_core::fetching::{HashedPrefix, ResumableFile};
use catalog_core::{CatalogError, Result};

use super::checksum::{Difference, Running};
use super::engine::{EndWithPanic, Engine};
use super::state::{Done, Failure, Restart};
use super::window::Share;

/// The time after which the bytes of a slow file are made durable, and the least number of bytes.
const EVERY: Duration = Duration::from_secs(5);
const LEAST: u64 = 1 << 20;

/// The end of a file.
enum End {
    /// The file is complete. The value is the number of bytes that were made durable.
    Complete(u64),
    /// The bytes do not have the checksum that the server states.
    Wrong(Difference),
    Anew(Restart),
    /// The transfer failed or was cancelled.
    Stopped,
    /// A sync failed. A later sync may succeed although bytes are lost, so none is made.
    Unsynced,
}

impl Engine<'_> {
    /// Hashes the bytes of a file in their order until the file is complete.
    pub(super) fn hash_file(&self, number: usize, mut file: ResumableFile, share: Share) {
        let _ends_with_a_panic = EndWithPanic(self);
        let outcome = self.hash_in_order(number, &mut file);
        drop(share);
        let outcome = outcome.and_then(|end| self.end_file(number, file, end));
        if let Err(error) = outcome {
            self.fail(Failure::Error(error));
        }
        self.changed.notify_all();
    }

    fn hash_in_order(&self, number: usize, file: &mut ResumableFile) -> Result<End> {
        let step = self.client.config().journal_step.max(1);
        thread::scope(|scope| {
            let is_resumable = self.is_resumable(number);
            let syncer = is_resumable.then(|| Syncer::start(scope, self, file));
            let syncer = syncer.transpose()?;
            // The last place and time at which a sync was due.
            let mut last_due = (file.kept(), Instant::now());
            // The number of bytes that were handed to the thread of syncs.
            let mut handed_over = file.kept();
            let mut checksum = self.begin_checksum(number);
            let kept = file.kept();
            let kept_bytes = file.read_kept(&mut |bytes| {
                checksum.iter_mut().for_each(|sum| sum.update(bytes));
                match self.client.stop().is_set() {
                    true => Err(CatalogError::Cancelled),
                    false => Ok(()),
                }
            });
            match kept_bytes {
                Err(CatalogError::Cancelled) => return Ok(End::Stopped),
                Ok(false) => self.restart_without_kept(number, kept),
                read => drop(read?),
            }
            self.note_hashed(number, file.hashed(), None);
            let end = loop {
                match self.next_chunk(number, file.hashed()) {
                    Next::Bytes(bytes) => {
                        file.hash(&bytes);
                        checksum.iter_mut().for_each(|sum| sum.update(&bytes));
                        self.note_hashed(number, file.hashed(), Some(bytes));
                        let since = file.hashed() - last_due.0;
                        let is_due =
                            since >= step || since >= LEAST && last_due.1.elapsed() >= EVERY;
                        if let Some(syncer) = &syncer
                            && is_due
                        {
                            last_due = (file.hashed(), Instant::now());
                            // If the queue is full, this prefix is skipped. A later one includes its bytes.
                            if syncer.prefixes.try_send(file.prefix()).is_ok() {
                                handed_over = file.hashed();
                            }
                        }
                    }
                    Next::End(end) => break end,
                }
            };
            // A wrong file of several ends the call early, and the others are kept. The check of a
            // single file comes after that of its content, which names the cause.
            let expected = self.files[number].sha256.as_ref();
            let expected = expected.filter(|_| self.files.len() > 1);
            let end = match (end, checksum.map(Running::check)) {
                (End::Complete(_), Some(Err(difference))) => End::Wrong(difference),
                (End::Complete(_), _) => match (expected, file.prefix().digest()) {
                    (Some(expected), actual) if *expected != actual => End::Wrong(Difference {
                        expected: expected.to_string(),
                        actual: actual.to_string(),
                    }),
                    _ => End::Complete(handed_over),
                },
                (end, _) => end,
            };
            match syncer.is_none_or(Syncer::end) {
                true => Ok(end),
                false => Ok(End::Unsynced),
            }
        })
    }

    /// Begins the checksum of a file, if its server states one and nothing stronger proves the file.
    fn begin_checksum(&self, number: usize) -> Option<Running> {
        let state = self.lock();
        let version = &state.active.get(&number)?.version;
        let file = &self.files[number];
        // The hash of a listing counts, whatever an answer states.
        let of_answer = version
            .checksum
            .as_ref()
            .filter(|_| version.sha256.is_none());
        let checksum = file.checksum.as_ref().or(of_answer);
        Some(checksum.filter(|_| file.sha256.is_none())?.begin())
    }

    /// Starts a file again whose kept bytes are of no use.
    fn restart_without_kept(&self, number: usize, kept: u64) {
        self.staging().ignore_earlier_bytes();
        let mut state = self.lock();
        state.bytes.resumed -= kept;
        if let Some(file) = state.active.get_mut(&number) {
            file.restart = Some(Restart::WithoutKept);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for the bytes at a place.
    fn next_chunk(&self, number: usize, place: u64) -> Next {
        let mut state = self.lock();
        loop {
            let is_failed = state.failed.is_some();
            let Some(file) = state.active.get_mut(&number) else {
                return Next::End(End::Stopped);
            };
            if is_failed {
                // The bytes that are here already are kept for the next call, unless the bytes before
                // them are of no use.
                let is_useful = file.restart.is_none() && !self.is_cancelled();
                let bytes = file.chunks.remove(&place).filter(|_| is_useful);
                return bytes.map_or(Next::End(End::Stopped), Next::Bytes);
            }
            if let Some(restart) = &file.restart
                && file.in_flight == 0
            {
                return Next::End(End::Anew(restart.clone()));
            }
            if file.restart.is_none() {
                if let Some(bytes) = file.chunks.remove(&place) {
                    return Next::Bytes(bytes);
                }
                if file.size == Some(place) && file.in_flight == 0 {
                    return Next::End(End::Complete(0));
                }
            }
            state = self.wait(state);
        }
    }

    /// Notes the place up to which a file is hashed, and keeps the buffer for the next bytes.
    fn note_hashed(&self, number: usize, hashed: u64, buffer: Option<Vec<u8>>) {
        let mut state = self.lock();
        state.buffers.extend(buffer);
        if let Some(file) = state.active.get_mut(&number) {
            file.hashed = hashed;
        }
        drop(state);
        self.changed.notify_all();
    }

    fn end_file(&self, number: usize, file: ResumableFile, end: End) -> Result<()> {
        match end {
            End::Complete(durable) => {
                let size = file.hashed();
                let is_large = size >= self.client.config().journal_step;
                if is_large && durable < size && self.is_resumable(number) {
                    file.writer().keep(file.prefix())?;
                }
                self.staging().complete(file)?;
                let mut state = self.lock();
                if let Some(active) = state.active.remove(&number) {
                    let done = Done {
                        name: active.name,
                        size,
                        version: active.version,
                        reused: None,
                    };
                    state.done.insert(number, done);
                }
                Ok(())
            }
            // The bytes of an earlier call may be the wrong ones.
            End::Wrong(_) if file.kept() > 0 => {
                self.restart_without_kept(number, file.kept());
                self.end_file(number, file, End::Anew(Restart::WithoutKept))
            }
            End::Wrong(Difference { expected, actual }) => {
                file.discard()?;
                let source = PathBuf::from(self.model_ref.to_string());
                Err(CatalogError::DigestMismatch {
                    path: match self.files.len() {
                        1 => source,
                        _ => source.join(&self.files[number].name),
                    },
                    expected,
                    actual,
                })
            }
            End::Anew(restart) => {
                file.discard()?;
                let retries = self.client.config().retries;
                let mut state = self.lock();
                let reserved = state.active.remove(&number).map_or(0, |file| file.reserved);
                state.reserved = state.reserved.saturating_sub(reserved);
                let (changes, interruptions) = state.restarts.entry(number).or_default();
                let may_begin = match restart {
                    Restart::Changed(_) => {
                        *changes += 1;
                        *changes == 1
                    }
                    Restart::Interrupted(_) => {
                        *interruptions += 1;
                        *interruptions <= retries
                    }
                    Restart::WithoutKept => true,
                };
                if may_begin {
                    state.pending.push_front(number);
                    return Ok(());
                }
                drop(state);
                Err(self.not_again(number, &restart))
            }
            End::Stopped => {
                // After a cancellation the call must end soon, so only a failure waits for the disk.
                if self.is_resumable(number) && !self.is_cancelled() && file.hashed() > file.kept()
                {
                    file.writer().keep(file.prefix())?;
                }
                Ok(())
            }
            End::Unsynced => Ok(()),
        }
    }
}

/// The thread that makes the hashed bytes of a file durable. If a sync fails, the thread ends the transfer at once.
struct Syncer<'scope> {
    prefixes: SyncSender<HashedPrefix>,
    thread: ScopedJoinHandle<'scope, bool>,
}

impl<'scope> Syncer<'scope> {
    fn start(
        scope: &'scope Scope<'scope, '_>,
        engine: &'scope Engine<'_>,
        file: &ResumableFile,
    ) -> Result<Self> {
        let (prefixes, to_sync) = sync_channel::<HashedPrefix>(1);
        let writer = file.writer();
        let sync = move || {
            let synced = to_sync
                .into_iter()
                .try_for_each(|prefix| writer.keep(prefix));
            match synced {
                Ok(()) => true,
                Err(error) => {
                    engine.fail(Failure::Error(error));
                    false
                }
            }
        };
        let thread = thread::Builder::new().name("sync".to_owned());
        let thread = thread.spawn_scoped(scope, sync);
        let thread = thread.map_err(|source| CatalogError::Io {
            action: "start a thread for",
            path: file.path().to_path_buf(),
            source,
        })?;
        Ok(Self { prefixes, thread })
    }

    /// Waits until all bytes that were handed over are durable. Returns false if a sync failed.
    fn end(self) -> bool {
        drop(self.prefixes);
        match self.thread.join() {
            Ok(is_synced) => is_synced,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// The next step of a thread that hashes.
enum Next {
    Bytes(Vec<u8>),
    End(End),
}
