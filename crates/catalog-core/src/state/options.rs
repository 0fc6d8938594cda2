use std::time::Duration;

use crate::root::Locking;

/// The options of a store on disk.
///
/// ```
/// use catalog_core::{FsCatalog, OutsidePaths, StoreOptions};
///
/// # let root = tempfile::tempdir()?;
/// let strict = StoreOptions::default().outside(OutsidePaths::Refuse);
/// let catalog = FsCatalog::open(root.path(), strict)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreOptions {
    /// The treatment of artifacts outside the root.
    pub outside: OutsidePaths,
    /// The locking of the root.
    pub locking: Locking,
    /// The time for which a write waits for other writers; 30 seconds by default. The time is
    /// counted from the last turn of any thread of this process, so that any number of threads can queue up.
    pub lock_wait: Duration,
    /// The number of bytes of disk that the artifact store may take, staged ones included;
    /// unbounded by default. A staging that would exceed it is refused; a collection makes room.
    pub budget: Option<u64>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            outside: OutsidePaths::default(),
            locking: Locking::default(),
            lock_wait: Duration::from_secs(30),
            budget: None,
        }
    }
}

impl StoreOptions {
    /// Sets the treatment of artifacts outside the root.
    #[must_use]
    pub fn outside(mut self, outside: OutsidePaths) -> Self {
        self.outside = outside;
        self
    }

    /// Sets the locking of the root.
    #[must_use]
    pub fn locking(mut self, locking: Locking) -> Self {
        self.locking = locking;
        self
    }

    /// Sets the time for which a write waits for other writers.
    #[must_use]
    pub fn lock_wait(mut self, lock_wait: Duration) -> Self {
        self.lock_wait = lock_wait;
        self
    }

    /// Sets the number of bytes of disk that the artifact store may take.
    #[must_use]
    pub fn budget(mut self, budget: impl Into<Option<u64>>) -> Self {
        self.budget = budget.into();
        self
    }
}

/// The treatment of an artifact that lies outside the root of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OutsidePaths {
    /// Record it; it is used where it lies and never written or deleted.
    #[default]
    Record,
    /// Refuse it.
    Refuse,
}
