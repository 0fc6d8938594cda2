use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A gate that is closed until somebody opens it. Clones are the same gate.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    has_arrived: bool,
    is_open: bool,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.0.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the gate for ever.
    pub fn open(&self) {
        self.lock().is_open = true;
        self.0.changed.notify_all();
    }

    /// Waits until the gate is open.
    pub fn wait(&self) {
        let mut state = self.lock();
        state.has_arrived = true;
        self.0.changed.notify_all();
        drop(self.0.changed.wait_while(state, |state| !state.is_open));
    }

    /// Waits until the gate is open, but not longer than this time. Returns whether it is open.
    pub fn wait_at_most(&self, time: Duration) -> bool {
        let changed = &self.0.changed;
        let waited = changed.wait_timeout_while(self.lock(), time, |state| !state.is_open);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_open
    }

    /// Waits until somebody [waits](Self::wait) at the gate. Returns false if nobody does within this
    /// time.
    pub fn arrival(&self, within: Duration) -> bool {
        let changed = &self.0.changed;
        let waited = changed.wait_timeout_while(self.lock(), within, |state| !state.has_arrived);
        waited.unwrap_or_else(PoisonError::into_inner).0.has_arrived
    }
}
