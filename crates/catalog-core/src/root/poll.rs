use std::thread;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::progress::Limits;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// Looks until there is something, at least once, and as long as the limits and `patience` say.
///
/// For what others hold only to look at it themselves. The kernel has no wait for a lock that ends
/// at some time, so this looks again after a pause; nothing is assumed of what happens in it.
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
