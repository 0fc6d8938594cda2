use std::thread;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::progress::Limits;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(1);

/// Repeats an attempt until it returns a value, for at most `patience` and within the limits. Makes
/// at least one attempt.
///
/// This is for locks that other processes hold only for a test. The kernel cannot wait for a lock
/// with a time limit, so this pauses and tries again.
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
