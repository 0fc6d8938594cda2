use std::fmt;
use std::time::Duration;

/// The rules of a collection. No policy removes anything that is pinned, leased or being staged, or
/// that lies outside of the root.
///
/// Every collection removes unused files: abandoned staging areas, artifacts that no entry names,
/// blobs that no artifact uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CollectionPolicy {
    /// Removes models that have been Retired for at least this long, if set; zero removes all
    /// Retired ones. Only time in which the host was certainly running counts, so no jump of the
    /// clock makes a model old.
    pub retired_for: Option<Duration>,
    /// Removes leftovers that are older than this, if set. Leftovers are files in quarantine, damaged
    /// indexes that a recovery kept, and unused locks of models. The age is by the clock of the host.
    pub leftovers_for: Option<Duration>,
    /// Removes the quarantine, the oldest file first, and then managed models until the store takes no
    /// more bytes of disk than this.
    pub budget: Option<u64>,
    /// Removes managed models until this number of bytes of the disk is free.
    pub min_free: Option<u64>,
    /// The models that may be removed for `budget` and `min_free`, the least recently used first.
    pub evict: Evict,
}

impl CollectionPolicy {
    /// Removes models that have been Retired for at least this long.
    #[must_use]
    pub fn retired_for(mut self, retired_for: impl Into<Option<Duration>>) -> Self {
        self.retired_for = retired_for.into();
        self
    }

    /// Removes leftovers that are older than this.
    #[must_use]
    pub fn leftovers_for(mut self, leftovers_for: impl Into<Option<Duration>>) -> Self {
        self.leftovers_for = leftovers_for.into();
        self
    }

    /// Removes files until the store takes no more bytes of disk than this.
    #[must_use]
    pub fn budget(mut self, budget: impl Into<Option<u64>>) -> Self {
        self.budget = budget.into();
        self
    }

    /// Removes managed models until this number of bytes of the disk is free.
    #[must_use]
    pub fn min_free(mut self, min_free: impl Into<Option<u64>>) -> Self {
        self.min_free = min_free.into();
        self
    }

    /// Sets the models that may be removed to make room.
    #[must_use]
    pub fn evict(mut self, evict: Evict) -> Self {
        self.evict = evict;
        self
    }
}

/// The models that may be removed to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Evict {
    /// Retired ones only.
    #[default]
    Retired,
    /// Active ones, too, after all Retired ones: the store is a cache.
    Any,
}

/// The reason for a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemovalReason {
    /// The process that staged it is gone.
    Abandoned,
    /// Its entry was deleted, and its files were left.
    Deleted,
    /// Nothing uses it.
    Unreferenced,
    /// No model needs it, and it was left longer ago than the policy allows.
    LeftOver,
    /// The model has been Retired for longer than the policy allows: for at least this long.
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
            Self::LeftOver => f.write_str("no model needs it"),
            Self::RetiredFor(time) => write!(f, "retired for {} s", time.as_secs()),
            Self::OverBudget => f.write_str("the store is over its budget"),
            Self::LowSpace => f.write_str("the disk has too little free space"),
        }
    }
}
