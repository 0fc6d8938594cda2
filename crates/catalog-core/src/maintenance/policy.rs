use std::fmt;
use std::time::Duration;

/// The rules of a collection. No policy removes a model that is pinned or leased, a staging area in
/// use, or a file outside the root.
///
/// Every collection removes unused files: abandoned staging areas without partial files, artifacts that no entry names,
/// and blobs that no artifact uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectionPolicy {
    /// The time after which a Retired model is removed. Zero removes all Retired models. If it is
    /// `None`, no model is removed because of its age. Only time in which the host was certainly
    /// running counts, so a jump of the clock makes no model older.
    pub retired_for: Option<Duration>,
    /// The age after which a leftover is removed, by the clock of the host. Leftovers are files in
    /// quarantine, files that a recovery kept, and model locks that no process holds. If it is
    /// `None`, no leftover is removed because of its age.
    pub leftovers_for: Option<Duration>,
    /// The age after which partial files are removed, by the clock of the host. Partial files are
    /// those of an interrupted fetch that a later process can continue. The default is 7 days. If
    /// it is `None`, no partial file is removed because of its age.
    pub partial_files_for: Option<Duration>,
    /// The maximum number of bytes that the store may take on the disk. To reach it, a collection
    /// removes partial files, then files in quarantine, the oldest first, and then managed models.
    pub budget: Option<u64>,
    /// The minimum number of free bytes on the disk. To reach it, a collection removes partial
    /// files, and then managed models.
    pub min_free: Option<u64>,
    /// The models that a collection may remove for `budget` and `min_free`. The least recently used
    /// model is removed first.
    pub evict: Evict,
}

/// The default age after which partial files are removed.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Default for CollectionPolicy {
    fn default() -> Self {
        Self {
            retired_for: None,
            leftovers_for: None,
            partial_files_for: Some(WEEK),
            budget: None,
            min_free: None,
            evict: Evict::default(),
        }
    }
}

impl CollectionPolicy {
    /// Sets the time after which a Retired model is removed.
    #[must_use]
    pub fn retired_for(mut self, retired_for: impl Into<Option<Duration>>) -> Self {
        self.retired_for = retired_for.into();
        self
    }

    /// Sets the age after which a leftover is removed.
    #[must_use]
    pub fn leftovers_for(mut self, leftovers_for: impl Into<Option<Duration>>) -> Self {
        self.leftovers_for = leftovers_for.into();
        self
    }

    /// Sets the age after which partial files are removed.
    #[must_use]
    pub fn partial_files_for(mut self, partial_files_for: impl Into<Option<Duration>>) -> Self {
        self.partial_files_for = partial_files_for.into();
        self
    }

    /// Sets the maximum number of bytes that the store may take on the disk.
    #[must_use]
    pub fn budget(mut self, budget: impl Into<Option<u64>>) -> Self {
        self.budget = budget.into();
        self
    }

    /// Sets the minimum number of free bytes on the disk.
    #[must_use]
    pub fn min_free(mut self, min_free: impl Into<Option<u64>>) -> Self {
        self.min_free = min_free.into();
        self
    }

    /// Sets the models that a collection may remove to make room.
    #[must_use]
    pub fn evict(mut self, evict: Evict) -> Self {
        self.evict = evict;
        self
    }
}

/// The models that a collection may remove to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Evict {
    /// Only Retired models.
    #[default]
    Retired,
    /// Retired models, and then Active models, as in a cache.
    Any,
}

/// The reason for a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemovalReason {
    /// The process that staged the bytes ended.
    Abandoned,
    /// The entry was deleted, and the artifact was left.
    Deleted,
    /// No entry or artifact uses the object.
    Unreferenced,
    /// No model needs the object, and it is older than the policy allows.
    LeftOver,
    /// The model has been Retired for longer than the policy allows. The value is the time for
    /// which it certainly has been.
    RetiredFor(Duration),
    /// The store takes more than its budget.
    OverBudget,
    /// The disk has too little free space.
    LowSpace,
}

impl fmt::Display for RemovalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abandoned => f.write_str("the process that staged it ended"),
            Self::Deleted => f.write_str("its entry was deleted"),
            Self::Unreferenced => f.write_str("nothing uses it"),
            Self::LeftOver => f.write_str("no model needs it"),
            Self::RetiredFor(time) => write!(f, "retired for {} s", time.as_secs()),
            Self::OverBudget => f.write_str("the store is over its budget"),
            Self::LowSpace => f.write_str("the disk has too little free space"),
        }
    }
}
