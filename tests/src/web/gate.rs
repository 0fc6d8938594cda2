use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A place where a server stops in the middle of a reply until somebody opens it.
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

    /// Waits until the gate is open.
    pub fn pass(&self) {
        let mut state = self.lock();
        state.has_arrived = true;
        self.0.changed.notify_all();
        while !state.is_open {
            let waited = self.0.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until a reply has arrived at the gate. Returns false if none has within this time.
    pub fn arrival(&self, within: Duration) -> bool {
        let waited = self
            .0
            .changed
            .wait_timeout_while(self.lock(), within, |state| !state.has_arrived);
        waited.unwrap_or_else(PoisonError::into_inner).0.has_arrived
    }

    /// Opens the gate for ever.
    pub fn open(&self) {
        self.lock().is_open = true;
        self.0.changed.notify_all();
    }
}
