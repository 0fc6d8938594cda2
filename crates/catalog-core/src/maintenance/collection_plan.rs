use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::policy::RemovalReason;
use super::skipped::Skipped;
use crate::entry::LifecycleState;
use crate::root::Layout;
use crate::state::{ModelRecord, RootState};

/// The plan of a collection: its removals, with the reasons; see
/// [`FsCatalog::plan_collection`](crate::FsCatalog::plan_collection).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CollectionPlan {
    /// The removals, in the order in which they are made.
    pub removals: Vec<PlannedRemoval>,
    /// The models that the policy would remove, with the reason why they stay, by their ids. If the
    /// manifest of an artifact cannot be read, the artifact is listed by its key. If a file cannot
    /// be read, the file is listed by its path.
    pub spared: Vec<Skipped<String, String>>,
}

/// One removal of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedRemoval {
    /// The object to remove.
    pub what: Removable,
    /// The reason for the removal.
    pub reason: RemovalReason,
    /// The number of bytes that the removal certainly frees on the disk, after all removals before
    /// it. Bytes that other links keep are not counted.
    pub frees: u64,
    /// The number of bytes that the removal frees in addition, if the files outside the store that
    /// share these bytes, as clones or hard links, no longer exist.
    pub may_free: u64,
    /// The state of the model when the removal was planned.
    pub(super) seen: Option<Seen>,
}

/// The state of a model when its removal was planned. If it is different later, the model stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) stored_path: String,
    pub(super) lifecycle: LifecycleState,
    /// The time of the last use, if the model is managed.
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

/// An object that a collection can remove.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Removable {
    /// A staging area whose owner died.
    Staging(PathBuf),
    /// An artifact whose deletion was interrupted or refused.
    Deleted(PathBuf),
    /// A managed artifact without an entry, by its key.
    Artifact(String),
    /// A model, by its id: its entry, and its artifact if the artifact lies below the root.
    Model(String),
    /// A blob, by its SHA-256.
    Blob(String),
    /// A file in quarantine, with its evidence.
    Quarantined(PathBuf),
    /// A damaged index that a recovery kept, or a foreign file or folder that lay at a path of the
    /// store.
    KeptAside(PathBuf),
    /// The file of a model lock that no process holds.
    ModelLock(PathBuf),
}

impl CollectionPlan {
    /// Returns the number of bytes that the whole plan certainly frees on the disk.
    pub fn reclaimable_bytes(&self) -> u64 {
        let each = self.removals.iter().map(|removal| removal.frees);
        each.fold(0, u64::saturating_add)
    }

    /// Returns the number of bytes by which the whole plan reduces the space of the store. The
    /// allocated blocks of each file count once, and those of a clone count in full. The check of
    /// staged bytes against the budget counts in the same way.
    pub fn space(&self) -> u64 {
        let may_free = self.removals.iter().map(|removal| removal.may_free);
        may_free.fold(self.reclaimable_bytes(), u64::saturating_add)
    }
}
