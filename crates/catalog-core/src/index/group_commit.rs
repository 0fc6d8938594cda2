//! Group commit: the threads of a process share the writes of an index, even if they use different
//! handles.
//!
//! The first thread that wants to write becomes the leader of a batch. It takes the lock of the
//! root and reads the file on disk. The threads that arrived in the meantime then apply their own
//! changes to the same edit, one after the other. The leader writes the file once for all of them.
//! Each thread returns when its batch is durable. A thread that arrives while a batch is written
//! waits for the next batch. A change that fails undoes its own part of the edit, and no other
//! part.
//!
//! No change runs while the mutex of this module is held. A thread takes the edit out, applies its
//! change, and puts the edit back.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::edit::Edit;
use super::patience::{LOOK, Patience, Wait};
use super::record::Record;
use crate::error::{CatalogError, Result};

/// The threads that write one index.
#[derive(Debug)]
pub(super) struct GroupCommit<R> {
    /// The path of the index, for error messages.
    path: PathBuf,
    state: Mutex<State<R>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<R> {
    phase: Phase<R>,
    /// The number of threads that wait to join a batch.
    candidates: usize,
    /// The number of threads that wait to work alone.
    loners: usize,
    /// Whether the work that ended last was done alone.
    was_alone: bool,
    /// The time at which a thread last ended its work.
    ended: Instant,
}

#[derive(Debug)]
enum Phase<R> {
    /// No thread writes. The next thread that arrives becomes the leader.
    Idle,
    /// A leader is working and no thread can join.
    Busy,
    /// Threads apply their changes to the edit of a batch. The edit is `None` while a thread
    /// applies its change to it.
    Collecting(Option<Edit<R>>, Arc<Batch>),
}

/// Changes that are written together.
#[derive(Debug, Default)]
struct Batch {
    /// The result of the write. It is empty until the write ends.
    written: OnceLock<Result<()>>,
}

impl<R: Record> GroupCommit<R> {
    pub(super) fn new(path: PathBuf) -> Self {
        let state = State {
            phase: Phase::Idle,
            candidates: 0,
            loners: 0,
            was_alone: false,
            ended: Instant::now(),
        };
        Self {
            path,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Applies a change, and returns when it is durable. A leader takes the lock and the edit with
    /// `begin`. It writes with `commit`, which also releases the lock.
    ///
    /// # Errors
    ///
    /// [`CatalogError::LockTimeout`] if the thread could not begin in time,
    /// [`CatalogError::Cancelled`] if the caller cancelled the call, the error of `change`, and the
    /// errors of writing.
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
            let is_its_turn = state.loners == 0 || state.was_alone;
            match &mut state.phase {
                Phase::Idle if is_its_turn => {
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
                Phase::Idle | Phase::Busy => {}
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

    /// Runs `work` while no other thread leads or joins a batch. When both batches and such threads
    /// wait, they take turns.
    pub(super) fn alone<T>(
        &self,
        patience: Patience<'_>,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let wait = Wait::begin(patience);
        let mut state = self.lock();
        state.loners += 1;
        while !matches!(state.phase, Phase::Idle) || (state.was_alone && state.candidates > 0) {
            match wait.next(&self.path, state.ended) {
                Ok(pause) => state = self.wait_for(state, pause),
                Err(error) => {
                    state.loners -= 1;
                    self.changed.notify_all();
                    return Err(error);
                }
            }
        }
        state.loners -= 1;
        state.phase = Phase::Busy;
        drop(state);
        let _idle = IdleAtEnd {
            writers: self,
            is_alone: true,
        };
        work()
    }

    fn lead<T, L>(
        &self,
        begin: impl FnOnce() -> Result<(L, Edit<R>)>,
        commit: impl FnOnce(L, Edit<R>) -> Result<()>,
        change: impl FnOnce(&mut Edit<R>) -> Result<T>,
    ) -> Result<T> {
        let idle = IdleAtEnd {
            writers: self,
            is_alone: false,
        };
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

    /// Returns the edit of a thread that joined a batch, after the thread applied its change.
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
        self.unknown("the thread that wrote this batch panicked")
    }

    fn unknown(&self, why: &'static str) -> CatalogError {
        CatalogError::OutcomeUnknown {
            path: self.path.clone(),
            action: "writing",
            source: io::Error::other(why),
        }
    }
}

/// Ends the work of a thread when it is dropped, also after an error or a panic.
struct IdleAtEnd<'w, R: Record> {
    writers: &'w GroupCommit<R>,
    is_alone: bool,
}

impl<R: Record> Drop for IdleAtEnd<'_, R> {
    fn drop(&mut self) {
        let mut state = self.writers.lock();
        state.phase = Phase::Idle;
        state.was_alone = self.is_alone;
        state.ended = Instant::now();
        drop(state);
        self.writers.changed.notify_all();
    }
}

/// The result of a change to an edit. The edit keeps the change only for `Done`.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::index::tests::Counted;
    use crate::progress::Limits;

    /// CAT-459
    #[test]
    fn batches_and_threads_that_work_alone_take_turns() {
        let writers = GroupCommit::<Counted>::new(PathBuf::from("index"));
        let limits = Limits::none();
        let patience = Patience {
            limits: &limits,
            lock_wait: Duration::from_secs(60),
        };
        let order = Mutex::new(Vec::new());
        let note = |word| order.lock().expect("nobody panics").push(word);
        let alone = || {
            let done = writers.alone(patience, || {
                note("alone");
                Ok(())
            });
            done.expect("its turn comes");
        };
        let lead = || {
            let begin = || {
                note("batch");
                Err::<((), Edit<Counted>), _>(CatalogError::Cancelled)
            };
            drop(writers.write(patience, begin, |(), _| Ok(()), |_| Ok(())));
        };
        let wait_until = |candidates, loners| {
            let are_there = || {
                let state = writers.lock();
                (state.candidates, state.loners) == (candidates, loners)
            };
            while !are_there() {
                std::thread::yield_now();
            }
        };
        std::thread::scope(|scope| {
            // While the first thread works alone, two threads of each kind arrive. The threads that
            // work alone arrive first.
            let first = writers.alone(patience, || {
                scope.spawn(alone);
                scope.spawn(alone);
                wait_until(0, 2);
                scope.spawn(lead);
                scope.spawn(lead);
                wait_until(2, 2);
                Ok(())
            });
            first.expect("nobody else works");
        });
        let order = order.into_inner().expect("nobody panics");
        assert_eq!(order, ["batch", "alone", "batch", "alone"]);
    }
}
