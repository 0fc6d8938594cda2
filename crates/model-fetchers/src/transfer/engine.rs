//! The calling thread of a transfer: it paces, reports, and ends the transfer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use catalog_core::fetching::{FetchedBytes, OnFile};
use catalog_core::{
    CatalogError, FetchProblem, FetchTask, Limits, ModelRef, Progress, Reservation, Result, Staging,
};

use super::check::Version;
use super::pace::Pace;
use super::remote_file::RemoteFile;
use super::state::{Done, Failure, Restart, State};
use super::traffic::Traffic;
use crate::net::{Answer, Client};

/// The time between two looks of the calling thread.
const LOOK: Duration = Duration::from_millis(20);

/// The time between two reports.
const REPORT: Duration = Duration::from_millis(100);

/// The size of the smallest file that a later process continues.
pub(super) const RESUMED: u64 = 64 << 10;

/// A finished transfer.
#[derive(Debug)]
pub(crate) struct Transferred {
    /// The files in the order in which they were asked for.
    pub(crate) files: Vec<Done>,
    pub(crate) bytes: FetchedBytes,
}

/// The values that all threads of a transfer share.
pub(super) struct Engine<'e> {
    pub(super) client: &'e Client<'e>,
    pub(super) model_ref: &'e ModelRef,
    pub(super) limits: &'e Limits,
    pub(super) explain: &'e Explain<'e>,
    pub(super) max_bytes: Option<u64>,
    /// The space that was reserved before the first byte.
    pub(super) reserved_before: u64,
    /// Whether an earlier call kept bytes of the model.
    pub(super) has_kept: bool,
    pub(super) files: &'e [RemoteFile],
    staging: Mutex<&'e mut Staging>,
    pub(super) reservation: Reservation,
    pub(super) traffic: Traffic,
    state: Mutex<State>,
    /// Signals that the state changed.
    pub(super) changed: Condvar,
    is_cancelled: AtomicBool,
}

/// Returns the error that an answer of a source means, if only the source knows its meaning.
pub(crate) type Explain<'e> = dyn Fn(&Answer) -> Option<CatalogError> + Sync + 'e;

/// Fetches files into a staging area. If all sizes are known, their space is reserved before the
/// first byte.
///
/// # Errors
///
/// The first error of a file, and the error of `progress` or of the limits of the task. The bytes
/// that are durable stay for the next call.
pub(crate) fn transfer(
    client: &Client<'_>,
    task: &FetchTask<'_>,
    files: &[RemoteFile],
    explain: &Explain<'_>,
    staging: &mut Staging,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Transferred> {
    let sizes: Option<Vec<u64>> = files.iter().map(|file| file.size).collect();
    let known = sizes.map(|sizes| sizes.into_iter().fold(0, u64::saturating_add));
    if let Some(total) = known {
        progress(Progress::of(0, total))?;
        if task.max_bytes.is_some_and(|most| total > most) {
            return Err(too_large(task.model_ref, total));
        }
    }
    let done = reuse(files, known, staging, progress)?;
    let reused = done
        .values()
        .map(|file| file.size)
        .fold(0, u64::saturating_add);
    let kept = staging.kept_by_earlier_calls()?;
    let mut reserved_before = 0;
    if let Some(total) = known {
        // Links count as written.
        reserved_before = total.saturating_sub(kept);
        staging.reserve(reserved_before)?;
    }
    let reservation = staging.reservation();
    let engine = Engine {
        client,
        model_ref: task.model_ref,
        limits: task.limits,
        explain,
        max_bytes: task.max_bytes,
        reserved_before,
        has_kept: kept > 0,
        files,
        staging: Mutex::new(staging),
        reservation,
        traffic: Traffic::default(),
        state: Mutex::new(State {
            pending: (0..files.len())
                .filter(|number| !done.contains_key(number))
                .collect(),
            bytes: reused_bytes(reused),
            done,
            files: files.len(),
            connections: 1,
            known_total: known,
            ..State::default()
        }),
        changed: Condvar::new(),
        is_cancelled: AtomicBool::new(false),
    };
    let stopped = thread::scope(|scope| {
        let stopped = engine.supervise(scope, task.on_file, progress);
        if stopped.is_err() {
            engine.is_cancelled.store(true, Ordering::Relaxed);
            engine.fail(Failure::Error(CatalogError::Cancelled));
        }
        if stopped.is_err() || engine.lock().failed.is_some() {
            client.end();
        }
        engine.changed.notify_all();
        stopped
    });
    stopped?;
    let state = engine.state.into_inner();
    let state = state.unwrap_or_else(PoisonError::into_inner);
    match state.failed {
        None => {}
        Some(Failure::Error(error)) => return Err(error),
        Some(Failure::TooLarge(size)) => {
            // The caller names its rule, if the size breaks one.
            progress(Progress::of(0, size))?;
            return Err(too_large(task.model_ref, size));
        }
    }
    progress(state.progress())?;
    for file in state.done.values() {
        task.on_file
            .report(&file.name, Progress::of(file.size, file.size));
    }
    Ok(Transferred {
        files: state.done.into_values().collect(),
        bytes: state.bytes,
    })
}

/// Adds the files that the store has by their SHA-256 to the staging area. They need no space, so this
/// comes before the reservation. Returns them by their numbers.
fn reuse(
    files: &[RemoteFile],
    total: Option<u64>,
    staging: &mut Staging,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<BTreeMap<usize, Done>> {
    let mut done = BTreeMap::new();
    let mut before: u64 = 0;
    for (number, file) in files.iter().enumerate() {
        let Some(digest) = &file.sha256 else { continue };
        let mut report =
            |now: Progress| progress(Progress::new(before.saturating_add(now.done), total));
        if let Some(size) = staging.reuse(&file.name, digest, &mut report)? {
            before = before.saturating_add(size);
            let reused = Done {
                name: file.name.clone(),
                size,
                version: Version::default(),
                reused: Some(digest.clone()),
            };
            done.insert(number, reused);
        }
    }
    Ok(done)
}

fn reused_bytes(reused: u64) -> FetchedBytes {
    let mut bytes = FetchedBytes::default();
    bytes.reused = reused;
    bytes
}

fn too_large(mr: &ModelRef, size: u64) -> CatalogError {
    let detail = format!("the model has at least {size} bytes, which is more than allowed");
    CatalogError::fetch(mr, FetchProblem::Refused, detail)
}

impl<'e> Engine<'e> {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn staging(&self) -> MutexGuard<'_, &'e mut Staging> {
        self.staging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change of the state, for a moment.
    pub(super) fn wait<'s>(&self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        let waited = self.changed.wait_timeout(state, LOOK);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn fail(&self, failure: Failure) {
        self.lock().fail(failure);
        self.changed.notify_all();
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    /// Returns true if a later process can continue the file: its version is known.
    pub(super) fn is_resumable(&self, number: usize) -> bool {
        let state = self.lock();
        let active = state.active.get(&number);
        active.is_some_and(|file| {
            let is_known =
                file.version.strong_etag.is_some() || self.files[number].sha256.is_some();
            let is_large = file.size.is_some_and(|size| size >= RESUMED);
            is_known && is_large && !file.is_whole
        })
    }

    /// Returns the error of a file that has started again too often.
    pub(super) fn not_again(&self, number: usize, restart: &Restart) -> CatalogError {
        let name = &self.files[number].name;
        let (problem, detail) = match restart {
            Restart::Changed(what) => (
                FetchProblem::SourceChanged,
                format!("{name} changed twice while it was fetched: {what}"),
            ),
            Restart::Interrupted(detail) => (
                FetchProblem::Unreachable,
                format!("{name}: {detail}, and the server sends no ranges"),
            ),
            Restart::WithoutKept => (
                FetchProblem::Failed,
                format!("{name}: the bytes of an earlier call have changed"),
            ),
        };
        CatalogError::fetch(self.model_ref, problem, detail)
    }

    /// Starts workers, adapts their number, and reports, until the transfer is over.
    fn supervise<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        on_file: OnFile<'_>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<()> {
        let _ends_with_a_panic = EndWithPanic(self);
        let mut pace = Pace::new(self.client.config().connections);
        let mut reported: Option<Instant> = None;
        loop {
            self.limits.check("fetching")?;
            let now = Instant::now();
            let mut state = self.lock();
            if state.is_over() {
                return Ok(());
            }
            let has_work = !state.pending.is_empty() || !state.active.is_empty();
            // A connection that waits for an answer has not shown its rate.
            let is_measurable = !state.active.is_empty() || state.done.len() + 1 < self.files.len();
            state.connections = pace.next(now, self.traffic.sample(), has_work && is_measurable);
            state.rate = pace.rate();
            let missing = state.connections.saturating_sub(state.workers);
            let is_all_busy = state.busy == state.workers;
            let (now_at, per_file) = (state.progress(), per_file(&state));
            let mut started = 0;
            if has_work && is_all_busy {
                started = missing;
                state.workers += missing;
            }
            drop(state);
            for _ in 0..started {
                let worker = thread::Builder::new().name("fetch".to_owned());
                if let Err(error) = worker.spawn_scoped(scope, move || self.work(scope)) {
                    let mut state = self.lock();
                    state.workers -= 1;
                    // One worker is enough.
                    if state.workers == 0 {
                        return Err(CatalogError::Io {
                            action: "start a thread for",
                            path: self.staging().folder(),
                            source: error,
                        });
                    }
                }
            }
            if reported.is_none_or(|last| now.duration_since(last) >= REPORT) {
                reported = Some(now);
                for (name, progress) in per_file {
                    on_file.report(&name, progress);
                }
                progress(now_at)?;
            }
            let state = self.lock();
            if !state.is_over() {
                drop(self.wait(state));
            }
        }
    }
}

/// Ends the transfer if its thread panics. Otherwise the other threads would wait for that thread.
pub(super) struct EndWithPanic<'t, 'e>(pub(super) &'t Engine<'e>);

impl Drop for EndWithPanic<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail(Failure::Error(CatalogError::Cancelled));
        }
    }
}

/// Returns the progress of each file that has begun.
fn per_file(state: &State) -> Vec<(String, Progress)> {
    let active = state.active.values();
    let active = active.map(|file| (file.name.clone(), Progress::new(file.hashed, file.size)));
    active.collect()
}
