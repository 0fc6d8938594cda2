use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::collection_facts::CollectionFacts;
use super::collection_plan::{CollectionPlan, PlannedRemoval, Removable, Seen};
use super::freed::Links;
use super::leftovers::leftovers;
use super::policy::{CollectionPolicy, RemovalReason};
use super::skipped::Skipped;
use crate::artifacts::{
    LeaseLock, Owner, Sharing, owner_of, partial_files_since, space_below, space_of,
    space_of_store, try_lock,
};
use crate::entry::LifecycleState;
use crate::error::{CatalogError, Result};
use crate::root::{Layout, LockMode, Moment, StagingFolder, free_space, list_folder};
use crate::state::{ModelRecord, RootState, exclude_leases};

/// Plans the removals of a collection, with the reason of each and the number of bytes that it
/// frees. The call changes nothing.
///
/// # Errors
///
/// The errors of reading an index or the pins: without them, no removal is safe. An artifact whose
/// manifest cannot be read is kept, and everything else is planned.
pub(crate) fn plan_collection(
    state: &RootState,
    policy: &CollectionPolicy,
) -> Result<CollectionPlan> {
    let mut planner = CollectionPlanner::look(state)?;
    planner.plan_abandoned(policy.partial_files_for)?;
    planner.plan_deleted()?;
    planner.plan_unreferenced()?;
    if let Some(limit) = policy.retired_for {
        planner.plan_retired(limit);
    }
    planner.plan_orphans()?;
    if let Some(limit) = policy.leftovers_for {
        planner.plan_leftovers(limit)?;
    }
    if let Some(budget) = policy.budget {
        let taken = space_of_store(&state.root)?;
        let excess = taken.saturating_sub(budget);
        planner.remove_partial_files(excess, RemovalReason::OverBudget);
        planner.purge_quarantine(excess)?;
        planner.evict(excess, policy.evict, RemovalReason::OverBudget);
    }
    let free = free_space(state.root.path())
        .map_err(|error| CatalogError::io("ask for the free space of", state.root.path(), error))?;
    if let (Some(wanted), Some(free)) = (policy.min_free, free) {
        let lacking = wanted.saturating_sub(free);
        planner.remove_partial_files(lacking, RemovalReason::LowSpace);
        planner.evict(lacking, policy.evict, RemovalReason::LowSpace);
    }
    Ok(planner.plan)
}

/// The planner of a collection: the facts about the root, and the plan so far.
pub(super) struct CollectionPlanner<'c> {
    pub(super) state: &'c RootState,
    pub(super) facts: CollectionFacts,
    pub(super) plan: CollectionPlan,
    pub(super) planned: BTreeSet<String>,
    links: Links,
    /// The staging areas with partial files that stay, and the time of their last change, the
    /// oldest first.
    partial_files: Vec<(SystemTime, PathBuf)>,
}

impl<'c> CollectionPlanner<'c> {
    fn look(state: &'c RootState) -> Result<Self> {
        let mut plan = CollectionPlan::default();
        let facts = CollectionFacts::look(state, &mut plan.spared)?;
        Ok(Self {
            state,
            facts,
            plan,
            planned: BTreeSet::new(),
            links: Links::default(),
            partial_files: Vec::new(),
        })
    }

    pub(super) fn push(
        &mut self,
        what: Removable,
        reason: RemovalReason,
        (frees, may_free): (u64, u64),
    ) {
        self.plan.removals.push(PlannedRemoval {
            what,
            reason,
            frees,
            may_free,
            seen: None,
        });
    }

    /// Plans the staging areas whose owners died. Partial files stay until they are as old as
    /// `limit`.
    fn plan_abandoned(&mut self, limit: Option<Duration>) -> Result<()> {
        let state = self.state;
        let now = SystemTime::now();
        for (path, kind) in list_folder(&state.root.layout().staging())? {
            let folder = StagingFolder::new(path.clone());
            match owner_of(&folder, state.artifacts.locking()) {
                Ok(Owner::Lives) if kind.is_dir() => continue,
                Ok(_) => {}
                Err(error) => {
                    self.spare_path(&path, &error);
                    continue;
                }
            }
            if let Some(since) = partial_files_since(&path) {
                let age = now.duration_since(since).unwrap_or_default();
                if limit.is_none_or(|limit| age < limit) {
                    self.partial_files.push((since, path));
                    continue;
                }
            }
            let freed = self.links_below(&path);
            self.push(Removable::Staging(path), RemovalReason::Abandoned, freed);
        }
        self.partial_files.sort();
        Ok(())
    }

    /// Plans the removal of partial files until the whole plan reduces the space of the store by
    /// `wanted` bytes.
    fn remove_partial_files(&mut self, wanted: u64, reason: RemovalReason) {
        while self.plan.space() < wanted && !self.partial_files.is_empty() {
            let (_, path) = self.partial_files.remove(0);
            let freed = self.links_below(&path);
            self.push(Removable::Staging(path), reason, freed);
        }
    }

    /// Adds a path that cannot be read to the spared ones.
    fn spare_path(&mut self, path: &Path, why: &CatalogError) {
        let path = path.display().to_string();
        self.plan.spared.push(Skipped::new(path, why.to_string()));
    }

    /// Plans the removal of all links below a path, and returns the number of bytes that this
    /// frees. If these are the last links to the file of a blob, the blob is then an orphan.
    fn links_below(&mut self, path: &Path) -> (u64, u64) {
        let mut freed = (0, 0);
        let mut files = vec![path.to_path_buf()];
        while let Some(next) = files.pop() {
            match list_folder(&next) {
                Ok(entries) => files.extend(entries.into_iter().map(|(path, _)| path)),
                Err(_) => self.links.take(&next, None, Sharing::Nothing, &mut freed),
            }
        }
        freed
    }

    /// Plans the artifacts of unfinished deletions: artifacts that were moved aside, and artifacts
    /// that are still at their paths and have a tombstone.
    fn plan_deleted(&mut self) -> Result<()> {
        let root = &self.state.root;
        let (mut left, mut unreadable) = (Vec::new(), Vec::new());
        for tombstone in &self.facts.deleted {
            // `plan_unreferenced` plans managed artifacts.
            let is_managed = Layout::key_of(tombstone.stored_path()).is_some();
            let path = root.absolute(tombstone.stored_path());
            match tombstone.matches(root) {
                Ok(true) if !is_managed => left.push(path),
                Ok(_) => {}
                Err(error) => unreadable.push((path, error)),
            }
        }
        for (path, error) in unreadable {
            self.spare_path(&path, &error);
        }
        let root = &self.state.root;
        let aside = list_folder(&root.layout().removed())?;
        for path in left {
            let freed = (space_below(&path), 0);
            self.push(Removable::Deleted(path), RemovalReason::Deleted, freed);
        }
        for (path, _) in aside {
            let freed = self.links_below(&path);
            self.push(Removable::Deleted(path), RemovalReason::Deleted, freed);
        }
        Ok(())
    }

    fn plan_unreferenced(&mut self) -> Result<()> {
        let unused: Vec<String> = self
            .facts
            .manifests
            .keys()
            .filter(|key| !self.facts.users.contains_key(*key))
            .cloned()
            .collect();
        for key in unused {
            let id = &self.facts.manifests[&key].id;
            if let Some(owner) = self.facts.pinned.get(id) {
                let why = format!("pinned by {owner}");
                self.plan.spared.push(Skipped::new(id.clone(), why));
                continue;
            }
            let path = self.state.root.layout().artifact(&key);
            let why = match self.is_leased(&path.manifest()) {
                Ok(false) => None,
                Ok(true) => Some("in use".to_owned()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = why {
                self.plan.spared.push(Skipped::new(id.clone(), why));
                continue;
            }
            let freed = self.frees(&key);
            self.push(Removable::Artifact(key), RemovalReason::Unreferenced, freed);
        }
        Ok(())
    }

    fn plan_retired(&mut self, limit: Duration) {
        let now = Moment::now();
        for (id, record) in self.facts.models.clone() {
            // A model without a time was retired by an older release. Its time counts from the
            // first collection.
            let since = record.retired.as_ref();
            let age = since.map_or(Duration::ZERO, |since| since.at_least(&now));
            if record.lifecycle == LifecycleState::Retired && age >= limit {
                self.plan_model(&id, &record, RemovalReason::RetiredFor(age));
            }
        }
    }

    fn plan_leftovers(&mut self, limit: Duration) -> Result<()> {
        let now = SystemTime::now();
        for left in leftovers(self.state)? {
            let age = now.duration_since(left.since).unwrap_or_default();
            if age >= limit {
                self.push(left.what, RemovalReason::LeftOver, (left.bytes, 0));
            }
        }
        Ok(())
    }

    pub(super) fn plan_model(&mut self, id: &str, record: &ModelRecord, reason: RemovalReason) {
        let state = self.state;
        if let Some(owner) = self.facts.pinned.get(id) {
            let why = format!("pinned by {owner}");
            self.plan.spared.push(Skipped::new(id.to_owned(), why));
            return;
        }
        if let Err(error) = exclude_leases(state, Path::new(&record.local_path)) {
            self.plan
                .spared
                .push(Skipped::new(id.to_owned(), error.to_string()));
            return;
        }
        let key = Layout::key_of(Path::new(&record.local_path)).map(str::to_owned);
        let mut freed = (0, 0);
        if let Some(key) = key {
            let users = self.facts.users.entry(key.clone()).or_default();
            *users = users.saturating_sub(1);
            if *users == 0 {
                freed = self.frees(&key);
            }
        }
        self.planned.insert(id.to_owned());
        self.push(Removable::Model(id.to_owned()), reason, freed);
        let seen = Seen::of(self.state, record);
        if let Some(removal) = self.plan.removals.last_mut() {
            removal.seen = Some(seen);
        }
    }

    fn plan_orphans(&mut self) -> Result<()> {
        for (folder, kind) in list_folder(&self.state.root.layout().blobs())? {
            if !kind.is_dir() {
                continue;
            }
            let blobs = match list_folder(&folder) {
                Ok(blobs) => blobs,
                Err(error) => {
                    self.spare_path(&folder, &error);
                    continue;
                }
            };
            for (path, _) in blobs {
                let name = path.file_name().and_then(|name| name.to_str());
                let Some(hex) = name.filter(|name| crate::root::is_sha256(name)) else {
                    continue;
                };
                if let Ok(metadata) = fs::symlink_metadata(&path)
                    && metadata.is_file()
                    && self.links.is_orphan(&metadata)
                {
                    let freed = (space_of(&metadata), 0);
                    let blob = Removable::Blob(hex.to_owned());
                    self.push(blob, RemovalReason::Unreferenced, freed);
                }
            }
        }
        Ok(())
    }

    fn is_leased(&self, manifest: &Path) -> Result<bool> {
        let locking = self.state.artifacts.locking();
        let lock = try_lock(manifest, LockMode::Exclusive, locking)?;
        Ok(matches!(lock, LeaseLock::Taken))
    }

    /// Counts the links in the store to each file that is also hard-linked from outside. Only the
    /// first call counts.
    fn count_shared_files(&mut self) {
        let Some(shared) = self.links.begin_shared() else {
            return;
        };
        for (key, manifest) in &self.facts.manifests {
            for file in &manifest.files {
                if file.shares == Sharing::Inode {
                    shared.add(&self.state.artifacts.file_of(key, file));
                }
            }
        }
    }

    /// Returns the number of bytes that the removal of an artifact certainly frees, and the number
    /// of bytes that it may free in addition.
    fn frees(&mut self, key: &str) -> (u64, u64) {
        let mut freed = (0, 0);
        let state = self.state;
        self.count_shared_files();
        let files = self
            .facts
            .manifests
            .get(key)
            .map(|manifest| &manifest.files);
        for file in files.into_iter().flatten() {
            let path = state.artifacts.file_of(key, file);
            let blob = state.root.layout().blob(&file.digest.value);
            self.links.take(&path, Some(&blob), file.shares, &mut freed);
        }
        freed
    }
}
