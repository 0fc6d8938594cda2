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
    /// The rule for artifacts outside the root.
    pub outside: OutsidePaths,
    /// The kind of locks that protect the root.
    pub locking: Locking,
    /// The time for which a write waits for other writers; 30 seconds by default. The count starts
    /// again whenever a thread of this process gets its turn, so any number of threads can wait in
    /// the queue.
    pub lock_wait: Duration,
    /// The maximum number of bytes that the artifact store may take on the disk, with staged bytes;
    /// without a maximum by default. A staging that would exceed the maximum is refused. A
    /// collection makes room.
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
    /// Sets the rule for artifacts outside the root.
    #[must_use]
    pub fn outside(mut self, outside: OutsidePaths) -> Self {
        self.outside = outside;
        self
    }

    /// Sets the kind of locks that protect the root.
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

    /// Sets the maximum number of bytes that the artifact store may take on the disk.
    #[must_use]
    pub fn budget(mut self, budget: impl Into<Option<u64>>) -> Self {
        self.budget = budget.into();
        self
    }
}

/// The rule for an artifact that lies outside the root of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OutsidePaths {
    /// The artifact can be registered. It is used where it lies, and the store never writes or
    /// deletes it.
    #[default]
    Record,
    /// The artifact is refused.
    Refuse,
}
