use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{CatalogError, Result};
use crate::progress::Limits;
use crate::root::other_threads;

/// The interval at which a waiting thread checks whether its call was cancelled.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// The limits of a wait for other threads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience<'l> {
    pub(super) limits: &'l Limits,
    pub(super) lock_wait: Duration,
}

/// The wait of a thread for other threads.
pub(super) struct Wait<'l> {
    patience: Patience<'l>,
    began: Instant,
}

impl<'l> Wait<'l> {
    pub(super) fn begin(patience: Patience<'l>) -> Self {
        Self {
            patience,
            began: Instant::now(),
        }
    }

    /// Returns the time to wait before the next check. The limit of the wait starts again each time
    /// another thread ends its work.
    ///
    /// # Errors
    ///
    /// [`CatalogError::LockTimeout`] if the wait took too long, and the errors of the limits.
    pub(super) fn next(&self, path: &Path, ended: Instant) -> Result<Duration> {
        let now = Instant::now();
        let Patience { limits, lock_wait } = self.patience;
        let end = limits.end_of_wait_since(ended.max(self.began), lock_wait);
        if now >= end {
            return Err(CatalogError::LockTimeout {
                path: path.to_path_buf(),
                holder: other_threads(),
                waited: now - self.began,
            });
        }
        limits.check("waiting to write")?;
        Ok(LOOK.min(end - now))
    }
}
