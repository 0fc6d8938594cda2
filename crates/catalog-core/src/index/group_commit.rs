//! Group commit: the threads of a process share the writes of an index, whatever handles they use.
//!
//! The first thread that wants to write becomes the leader of a batch. It takes the lock of the
//! root and reads the file on disk. The threads that arrived meanwhile apply their own changes to
//! the same edit, one after the other. Then the leader writes the file once, for all of them. Each
//! thread returns when its batch is durable. A thread that arrives while a batch is being written
//! waits for the next one. A change that fails undoes its own part of the edit and no other.
//!
//! No change runs while the mutex of this module is held: a thread takes the edit out, applies its
//! change, and puts the edit back.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::edit::Edit;
use super::record::Record;
use crate::error::{CatalogError, Result};
use crate::progress::Limits;
use crate::root::{Locking, StoreRoot};

/// The threads that write each index of this process, by its path, the identity of the root, and the
/// mechanism of its locks.
static INDEXES: Mutex<BTreeMap<Key, Weak<dyn Any + Send + Sync>>> = Mutex::new(BTreeMap::new());

/// The process is a part of the key: a fork has no other threads.
type Key = (u32, PathBuf, (u64, u64), Locking);

/// The interval at which a waiting thread checks whether its call was cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// The threads that write one index.
#[derive(Debug)]
pub(super) struct GroupCommit<R> {
    /// The file they write, for messages.
    path: PathBuf,
    state: Mutex<State<R>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<R> {
    phase: Phase<R>,
    /// How many threads wait to join a batch.
    candidates: usize,
    /// The time at which a thread last ended its work.
    ended: Instant,
}

#[derive(Debug)]
enum Phase<R> {
    /// No thread writes: the next one to arrive leads.
    Idle,
    /// A leader is working and no thread can join.
    Busy,
    /// Threads apply their changes to the edit of a batch. It is `None` while a thread has taken it
    /// out.
    Collecting(Option<Edit<R>>, Arc<Batch>),
}

/// Changes that are written together.
#[derive(Debug, Default)]
struct Batch {
    /// The result of the write, once it has ended.
    written: OnceLock<Result<()>>,
}

/// How long a thread waits for others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience<'l> {
    pub(super) limits: &'l Limits,
    pub(super) lock_wait: Duration,
}

impl<R: Record> GroupCommit<R> {
    /// Returns the threads that write the index of this kind in a root.
    pub(super) fn of(root: &StoreRoot, locking: Locking) -> Arc<Self> {
        let path = root.layout().index(R::FILE);
        let mut indexes = INDEXES.lock().unwrap_or_else(PoisonError::into_inner);
        indexes.retain(|_, threads| threads.strong_count() > 0);
        let threads = indexes
            .entry((
                std::process::id(),
                path.clone(),
                root.stamp().identity(),
                locking,
            ))
            .or_insert_with(|| Weak::<Self>::new());
        if let Some(known) = threads.upgrade()
            && let Ok(known) = known.downcast::<Self>()
        {
            return known;
        }
        let new = Arc::new(Self::new(path));
        *threads = Arc::downgrade(&new) as Weak<dyn Any + Send + Sync>;
        new
    }

    fn new(path: PathBuf) -> Self {
        let state = State {
            phase: Phase::Idle,
            candidates: 0,
            ended: Instant::now(),
        };
        Self {
            path,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Applies a change and returns when it is durable. A leader takes the lock and the edit with
    /// `begin`, and writes with `commit`, which also releases the lock.
    ///
    /// # Errors
    ///
    /// [`CatalogError::LockTimeout`] for a thread that could not begin in time,
    /// [`CatalogError::Cancelled`], the error of `change`, and the errors of writing.
    pub(super) fn write<T, L>(
        &self,
        patience: Patience<'_>,
        begin: impl FnOnce() -> Result<(L, Edit<R>)>,
        commit: impl FnOnce(L, Edit<R>) -> Result<()>,
        change: impl FnOnce(&mut Edit<R>) -> Result<T>,
    ) -> Result<T> {
        let wait = Wait::begin(patience);
        let mut state = self.lock();
        state.candidates += 1;
        loop {
            match &mut state.phase {
                Phase::Idle => {
                    state.candidates -= 1;
                    state.phase = Phase::Busy;
                    drop(state);
                    return self.lead(begin, commit, change);
                }
                Phase::Collecting(edit, batch) => {
                    if let Some(mut taken) = edit.take() {
                        let batch = Arc::clone(batch);
                        drop(state);
                        let applied = apply(&mut taken, change);
                        self.put_back(taken);
                        return self.follow(&batch, applied, patience);
                    }
                }
                Phase::Busy => {}
            }
            match wait.next(&self.path, state.ended) {
                Ok(pause) => state = self.wait_for(state, pause),
                Err(error) => {
                    state.candidates -= 1;
                    self.changed.notify_all();
                    return Err(error);
                }
            }
        }
    }

    /// Does some work while no other thread leads or joins a batch.
    pub(super) fn alone<T>(
        &self,
        patience: Patience<'_>,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let wait = Wait::begin(patience);
        let mut state = self.lock();
        while !matches!(state.phase, Phase::Idle) {
            let pause = wait.next(&self.path, state.ended)?;
            state = self.wait_for(state, pause);
        }
        state.phase = Phase::Busy;
        drop(state);
        let _idle = IdleAtEnd(self);
        work()
    }

    fn lead<T, L>(
        &self,
        begin: impl FnOnce() -> Result<(L, Edit<R>)>,
        commit: impl FnOnce(L, Edit<R>) -> Result<()>,
        change: impl FnOnce(&mut Edit<R>) -> Result<T>,
    ) -> Result<T> {
        let idle = IdleAtEnd(self);
        let (lock, mut edit) = begin()?;
        let applied = apply(&mut edit, change);
        let batch = Arc::new(Batch::default());
        let edit = self.collect(edit, Arc::clone(&batch));
        let (outcome, panic) = match catch_unwind(AssertUnwindSafe(|| commit(lock, edit))) {
            Ok(outcome) => (outcome, None),
            Err(panic) => (Err(self.interrupted()), Some(panic)),
        };
        let own = outcome.as_ref().map_err(CatalogError::duplicate).copied();
        drop(batch.written.set(outcome));
        drop(idle);
        match (panic, applied) {
            (Some(panic), _) | (None, Applied::Panicked(panic)) => resume_unwind(panic),
            (None, Applied::Refused(error)) => Err(error),
            (None, Applied::Done(answer)) => own.map(|()| answer),
        }
    }

    /// Lets the waiting threads apply their changes, and returns the edit with all of them.
    fn collect(&self, edit: Edit<R>, batch: Arc<Batch>) -> Edit<R> {
        let mut state = self.lock();
        state.phase = Phase::Collecting(Some(edit), batch);
        self.changed.notify_all();
        loop {
            if state.candidates == 0
                && let Phase::Collecting(edit, _) = &mut state.phase
                && let Some(edit) = edit.take()
            {
                state.phase = Phase::Busy;
                return edit;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends the part of a thread that joined a batch.
    fn put_back(&self, edit: Edit<R>) {
        let mut state = self.lock();
        state.candidates -= 1;
        match &mut state.phase {
            Phase::Collecting(place, _) => *place = Some(edit),
            Phase::Idle | Phase::Busy => unreachable!("a batch waits for the edit"),
        }
        self.changed.notify_all();
    }

    fn follow<T>(&self, batch: &Batch, applied: Applied<T>, patience: Patience<'_>) -> Result<T> {
        let answer = match applied {
            Applied::Done(answer) => answer,
            Applied::Refused(error) => return Err(error),
            Applied::Panicked(panic) => resume_unwind(panic),
        };
        let deadline = patience.limits.deadline();
        let mut state = self.lock();
        loop {
            if let Some(written) = batch.written.get() {
                return match written {
                    Ok(()) => Ok(answer),
                    Err(error) => Err(error.duplicate()),
                };
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                let why = "the deadline passed while another thread of this process wrote it";
                return Err(self.unknown(why));
            }
            state = self.wait_for(state, LOOK);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for<'g>(
        &self,
        state: MutexGuard<'g, State<R>>,
        time: Duration,
    ) -> MutexGuard<'g, State<R>> {
        let waited = self.changed.wait_timeout(state, time);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn interrupted(&self) -> CatalogError {
        self.unknown("the thread that wrote for others panicked")
    }

    fn unknown(&self, why: &'static str) -> CatalogError {
        CatalogError::OutcomeUnknown {
            path: self.path.clone(),
            action: "writing",
            source: io::Error::other(why),
        }
    }
}

/// The wait of a thread for the others.
struct Wait<'l> {
    patience: Patience<'l>,
    began: Instant,
}

impl<'l> Wait<'l> {
    fn begin(patience: Patience<'l>) -> Self {
        Self {
            patience,
            began: Instant::now(),
        }
    }

    /// Returns the time to wait before the next look. The wait is counted from the time at which another
    /// thread last ended its work.
    fn next(&self, path: &std::path::Path, ended: Instant) -> Result<Duration> {
        let now = Instant::now();
        let Patience { limits, lock_wait } = self.patience;
        let end = limits.end_of_wait_since(ended.max(self.began), lock_wait);
        if now >= end {
            return Err(CatalogError::LockTimeout {
                path: path.to_path_buf(),
                holder: crate::root::other_threads(),
                waited: now - self.began,
            });
        }
        limits.check("waiting to write")?;
        Ok(LOOK.min(end - now))
    }
}

/// Ends the work of a leader, also after an error or a panic.
struct IdleAtEnd<'w, R: Record>(&'w GroupCommit<R>);

impl<R: Record> Drop for IdleAtEnd<'_, R> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.phase = Phase::Idle;
        state.ended = Instant::now();
        drop(state);
        self.0.changed.notify_all();
    }
}

/// The result of a change to an edit; only `Done` left anything in it.
enum Applied<T> {
    Done(T),
    Refused(CatalogError),
    Panicked(Box<dyn std::any::Any + Send>),
}

fn apply<R: Record, T>(
    edit: &mut Edit<R>,
    change: impl FnOnce(&mut Edit<R>) -> Result<T>,
) -> Applied<T> {
    let savepoint = edit.savepoint();
    match catch_unwind(AssertUnwindSafe(|| change(edit))) {
        Ok(Ok(answer)) => Applied::Done(answer),
        Ok(Err(error)) => {
            edit.roll_back(savepoint);
            Applied::Refused(error)
        }
        Err(panic) => {
            edit.roll_back(savepoint);
            Applied::Panicked(panic)
        }
    }
}
