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
    /// What happens to artifacts outside the root.
    pub outside: OutsidePaths,
    /// How writers are kept apart.
    pub locking: Locking,
    /// How long a write waits for other writers; 30 seconds unless chosen.
    pub lock_wait: Duration,
    /// How many bytes of disk the artifact store may take, staged ones included; unbounded unless
    /// chosen. What would go beyond is refused; a collection makes room.
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

/// What a store does with an artifact that lies outside its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutsidePaths {
    /// Record it; it is used where it lies and never written or deleted.
    #[default]
    Record,
    /// Refuse it.
    Refuse,
}
