use std::time::Duration;

use crate::root::Locking;

/// How a store on disk behaves, where there is a choice.
///
/// ```
/// use catalog_core::{FsCatalog, OutsidePaths, StoreOptions};
///
/// # let root = tempfile::tempdir()?;
/// let strict = StoreOptions { outside: OutsidePaths::Refuse, ..StoreOptions::default() };
/// let catalog = FsCatalog::open(root.path(), strict)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// The treatment of an artifact that lies outside the root of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutsidePaths {
    /// Record it; it is used where it lies and never written or deleted.
    #[default]
    Record,
    /// Refuse it.
    Refuse,
}
