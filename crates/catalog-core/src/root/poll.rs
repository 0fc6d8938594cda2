use std::thread;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::progress::Limits;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(1);

/// Repeats an attempt until it returns something, at most for `patience` and within the limits.
/// Tries at least once.
///
/// It is for locks that other processes hold only to test them. The kernel has no wait for a lock
/// that ends at some time, so this tries again after a pause.
pub(crate) fn poll<T>(
    limits: &Limits,
    patience: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    let deadline = limits.end_of_wait(patience);
    loop {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        limits.check("waiting for another process")?;
        thread::sleep(PAUSE);
    }
}
