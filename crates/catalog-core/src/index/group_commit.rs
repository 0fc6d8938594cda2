//! How threads that share an index share its writes (group commit).
//!
//! The first thread that wants to write becomes the leader of a batch: it takes the lock of the
//! root and reads what is on disk. Threads that came meanwhile then apply their own changes to the
//! same edit, one after the other; the leader writes the file once, for all. Each returns when the
//! batch it is in is durable. Whoever comes while a batch is being written waits for the next one.
//! A change that fails takes back its own part of the edit and no other.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::edit::Edit;
use super::record::Record;
use crate::error::{CatalogError, Result};

/// The threads that write one index.
#[derive(Debug)]
pub(super) struct Writers<R> {
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
}

#[derive(Debug)]
enum Phase<R> {
    /// Nobody writes: the next one to come leads.
    Idle,
    /// A leader is at work and nobody can join.
    Busy,
    /// Changes are applied to the edit of a batch.
    Collecting(Edit<R>, Arc<Batch>),
}

/// Changes that are written together.
#[derive(Debug, Default)]
struct Batch {
    /// How the write ended, once it has.
    written: OnceLock<Result<()>>,
}

/// What the leader of a batch does at its begin and end; `L` is what it holds in between.
pub(super) trait Commit<R, L> {
    /// Takes the lock, waiting until `deadline`, and reads what is there.
    fn begin(&self, deadline: Instant) -> Result<(L, Edit<R>)>;
    /// Makes the edit durable.
    fn commit(&self, lock: &L, edit: Edit<R>) -> Result<()>;
    /// Releases the lock.
    fn end(&self, lock: L);
}

impl<R: Record> Writers<R> {
    pub(super) fn new(path: PathBuf) -> Self {
        let state = State {
            phase: Phase::Idle,
            candidates: 0,
        };
        Self {
            path,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Applies a change and returns when it is durable.
    ///
    /// # Errors
    ///
    /// [`CatalogError::LockTimeout`] for a thread that could not begin within `patience`.
    pub(super) fn write<T, L>(
        &self,
        patience: Duration,
        leader: &impl Commit<R, L>,
        change: impl FnOnce(&mut Edit<R>) -> Result<T>,
    ) -> Result<T> {
        let begin = Instant::now();
        let mut state = self.lock();
        state.candidates += 1;
        loop {
            match &mut state.phase {
                Phase::Idle => {
                    state.candidates -= 1;
                    state.phase = Phase::Busy;
                    drop(state);
                    return self.lead(end_of(begin, patience), leader, change);
                }
                Phase::Collecting(edit, batch) => {
                    let batch = Arc::clone(batch);
                    let applied = apply(edit, change);
                    state.candidates -= 1;
                    self.changed.notify_all();
                    drop(state);
                    return self.follow(&batch, applied);
                }
                Phase::Busy => {
                    let Some(left) = patience.checked_sub(begin.elapsed()) else {
                        state.candidates -= 1;
                        self.changed.notify_all();
                        return Err(self.overdue(patience));
                    };
                    state = self.wait_for(state, left);
                }
            }
        }
    }

    /// Does something while no other thread leads or joins a batch.
    pub(super) fn alone<T>(
        &self,
        patience: Duration,
        work: impl FnOnce(Instant) -> Result<T>,
    ) -> Result<T> {
        let begin = Instant::now();
        let mut state = self.lock();
        while !matches!(state.phase, Phase::Idle) {
            let Some(left) = patience.checked_sub(begin.elapsed()) else {
                return Err(self.overdue(patience));
            };
            state = self.wait_for(state, left);
        }
        state.phase = Phase::Busy;
        drop(state);
        let _idle = IdleAtEnd(self);
        work(end_of(begin, patience))
    }

    fn lead<T, L>(
        &self,
        deadline: Instant,
        leader: &impl Commit<R, L>,
        change: impl FnOnce(&mut Edit<R>) -> Result<T>,
    ) -> Result<T> {
        let idle = IdleAtEnd(self);
        let (lock, mut edit) = leader.begin(deadline)?;
        let applied = apply(&mut edit, change);
        let batch = Arc::new(Batch::default());
        let edit = self.collect(edit, Arc::clone(&batch));
        let (outcome, panic) = match catch_unwind(AssertUnwindSafe(|| leader.commit(&lock, edit))) {
            Ok(outcome) => (outcome, None),
            Err(panic) => (Err(self.interrupted()), Some(panic)),
        };
        leader.end(lock);
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
        state.phase = Phase::Collecting(edit, batch);
        self.changed.notify_all();
        while state.candidates > 0 {
            state = self.wait(state);
        }
        match std::mem::replace(&mut state.phase, Phase::Busy) {
            Phase::Collecting(edit, _) => edit,
            Phase::Idle | Phase::Busy => unreachable!("only the leader ends collecting"),
        }
    }

    fn follow<T>(&self, batch: &Batch, applied: Applied<T>) -> Result<T> {
        let answer = match applied {
            Applied::Done(answer) => answer,
            Applied::Refused(error) => return Err(error),
            Applied::Panicked(panic) => resume_unwind(panic),
        };
        let mut state = self.lock();
        loop {
            if let Some(written) = batch.written.get() {
                return match written {
                    Ok(()) => Ok(answer),
                    Err(error) => Err(error.duplicate()),
                };
            }
            state = self.wait(state);
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

    fn overdue(&self, waited: Duration) -> CatalogError {
        CatalogError::LockTimeout {
            path: self.path.clone(),
            holder: "other threads of this process".to_owned(),
            waited,
        }
    }

    fn interrupted(&self) -> CatalogError {
        CatalogError::OutcomeUnknown {
            path: self.path.clone(),
            action: "writing",
            source: io::Error::other("the thread that wrote for others panicked"),
        }
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State<R>>) -> MutexGuard<'g, State<R>> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a wait, also of one for ever.
fn end_of(begin: Instant, patience: Duration) -> Instant {
    const VERY_LONG: Duration = Duration::from_secs(1 << 30);
    begin + patience.min(VERY_LONG)
}

/// Ends the turn of a leader, whichever way it leaves.
struct IdleAtEnd<'w, R: Record>(&'w Writers<R>);

impl<R: Record> Drop for IdleAtEnd<'_, R> {
    fn drop(&mut self) {
        self.0.lock().phase = Phase::Idle;
        self.0.changed.notify_all();
    }
}

/// How a change to an edit went; only `Done` left anything in it.
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
