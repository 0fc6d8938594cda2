use std::fmt;
use std::time::Duration;

/// What a collection may remove. Whatever the policy: nothing that is pinned, leased or in flight,
/// and nothing outside of the root.
///
/// What nobody needs always goes: abandoned staging areas, artifacts that no entry names, blobs that
/// no artifact uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CollectionPolicy {
    /// Removes models that have been Retired for longer than this; none if not set. Only time that
    /// the host was certainly running counts, so no jump of the clock makes a model old.
    pub retired_for: Option<Duration>,
    /// Removes managed models until the store takes no more bytes of disk than this.
    pub budget: Option<u64>,
    /// Removes managed models until so many bytes of the disk are free.
    pub min_free: Option<u64>,
    /// Which models may go for the sake of `budget` and `min_free`, the least recently used first.
    pub evict: Evict,
}

/// Which models may be removed to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evict {
    /// Retired ones only.
    #[default]
    Retired,
    /// Active ones, too, after all Retired ones: the store is a cache.
    Any,
}

/// Why something is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemovalReason {
    /// The process that staged it is gone.
    Abandoned,
    /// Its entry was deleted, and it was left.
    Deleted,
    /// Nothing uses it.
    Unreferenced,
    /// It has been Retired for longer than the policy wants: for at least this long.
    RetiredFor(Duration),
    /// The store takes more than its budget.
    OverBudget,
    /// The disk has too little free space.
    LowSpace,
}

impl fmt::Display for RemovalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abandoned => f.write_str("the process that staged it is gone"),
            Self::Deleted => f.write_str("its entry was deleted"),
            Self::Unreferenced => f.write_str("nothing uses it"),
            Self::RetiredFor(time) => write!(f, "retired for {} s", time.as_secs()),
            Self::OverBudget => f.write_str("the store is over its budget"),
            Self::LowSpace => f.write_str("the disk has too little free space"),
        }
    }
}
