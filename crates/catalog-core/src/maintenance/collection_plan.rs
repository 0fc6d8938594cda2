use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::policy::RemovalReason;
use super::skipped::Skipped;
use crate::entry::LifecycleState;
use crate::root::Layout;
use crate::state::{ModelRecord, RootState};

/// The removals of a collection, with their reasons; see [`FsCatalog::plan_collection`](crate::FsCatalog::plan_collection).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectionPlan {
    /// The removals, in order.
    pub removals: Vec<PlannedRemoval>,
    /// The ids of models that the policy would remove if this reason did not prevent it. An artifact
    /// whose manifest cannot be read has its key here, and a file that cannot be looked at its path.
    pub spared: Vec<Skipped<String, String>>,
}

/// One thing that a collection would remove.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedRemoval {
    /// The thing to remove.
    pub what: Removable,
    /// The reason.
    pub reason: RemovalReason,
    /// The number of bytes of disk that this frees for certain, after all removals before it. Bytes
    /// that other links keep are not counted.
    pub frees: u64,
    /// The number of bytes that it frees in addition if the files outside the store are gone that these were
    /// cloned from, or are hard links to.
    pub may_free: u64,
    /// The state of a model when it was planned.
    pub(super) seen: Option<Seen>,
}

/// The state of a model when its removal was planned. If it is different later, the model stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) stored_path: String,
    pub(super) lifecycle: LifecycleState,
    /// The time of its last use, if it is managed.
    pub(super) last_use: Option<SystemTime>,
}

impl Seen {
    pub(super) fn of(state: &RootState, record: &ModelRecord) -> Self {
        let key = Layout::key_of(Path::new(&record.local_path));
        Self {
            stored_path: record.local_path.clone(),
            lifecycle: record.lifecycle,
            last_use: key.map(|key| state.artifacts.last_use(key)),
        }
    }
}

/// A thing that a collection can remove.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Removable {
    /// A staging area whose owner died.
    Staging(PathBuf),
    /// An artifact of a deletion that was interrupted or refused.
    Deleted(PathBuf),
    /// A managed artifact without an entry, by its key.
    Artifact(String),
    /// A model, by its id: its entry, and its artifact if that is below the root.
    Model(String),
    /// A blob, by its SHA-256.
    Blob(String),
    /// A file in quarantine, with its evidence.
    Quarantined(PathBuf),
    /// A damaged index that a recovery kept, or a foreign thing from one of the store's paths.
    KeptAside(PathBuf),
    /// The lock of a model, if nobody holds it.
    ModelLock(PathBuf),
}

impl CollectionPlan {
    /// Returns the number of bytes of disk that the whole plan frees for certain.
    pub fn reclaimable_bytes(&self) -> u64 {
        let each = self.removals.iter().map(|removal| removal.frees);
        each.fold(0, u64::saturating_add)
    }

    /// Returns the number of bytes that the store takes less after the whole plan: the allocated blocks of
    /// each file once, and those of a clone in full. The admission of staged bytes counts in the same way.
    pub fn space(&self) -> u64 {
        let may_free = self.removals.iter().map(|removal| removal.may_free);
        may_free.fold(self.reclaimable_bytes(), u64::saturating_add)
    }
}
