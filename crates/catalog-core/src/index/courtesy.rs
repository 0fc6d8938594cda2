use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The time for which a process that just wrote leaves the lock to waiting processes. It is longer
/// than their pause between two looks.
const COURTESY: Duration = Duration::from_millis(4);

/// The time until which a process leaves the lock of the root to other processes. Without it, a
/// process that writes again and again would always be faster than those that look for the lock.
#[derive(Debug, Default)]
pub(super) struct Courtesy {
    until: Mutex<Option<Instant>>,
}

impl Courtesy {
    /// Leaves the lock to others from now on.
    pub(super) fn begin(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Instant::now() + COURTESY);
    }

    /// Waits until the lock was left to others for long enough.
    pub(super) fn wait_out(&self) {
        let until = self
            .until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // A pause that gives way to others, not a wait for something: they look every 2 ms at most.
        if let Some(until) = until {
            thread::sleep(until.saturating_duration_since(Instant::now()));
        }
    }
}
