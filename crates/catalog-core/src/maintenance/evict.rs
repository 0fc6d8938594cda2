//! The part of the plan of a collection that makes room.

use std::path::Path;
use std::time::SystemTime;

use super::collection_plan::Removable;
use super::leftovers::quarantined;
use super::plan_collection::CollectionPlanner;
use super::policy::{Evict, RemovalReason};
use crate::entry::LifecycleState;
use crate::error::Result;
use crate::root::Layout;
use crate::state::ModelRecord;

impl CollectionPlanner<'_> {
    /// Plans the removal of files in quarantine until the whole plan reduces the space of the store
    /// by `wanted` bytes.
    pub(super) fn purge_quarantine(&mut self, wanted: u64) -> Result<()> {
        for file in quarantined(self.state)? {
            if self.plan.space() >= wanted {
                break;
            }
            let what = Removable::Quarantined(file.path);
            if self
                .plan
                .removals
                .iter()
                .all(|planned| planned.what != what)
            {
                self.push(what, RemovalReason::OverBudget, (file.bytes, 0));
            }
        }
        Ok(())
    }

    /// Plans the removal of models until the whole plan reduces the space of the store by `wanted`
    /// bytes. A clone counts with its full size, also if the disk has too little space: otherwise
    /// one collection would remove all clones.
    pub(super) fn evict(&mut self, wanted: u64, which: Evict, reason: RemovalReason) {
        let mut queue: Vec<(bool, SystemTime, String, ModelRecord)> = self
            .facts
            .models
            .iter()
            .filter(|(id, _)| !self.planned.contains(id))
            .filter_map(|(id, record)| {
                let key = Layout::key_of(Path::new(&record.local_path))?;
                let is_active = record.lifecycle == LifecycleState::Active;
                let used = self.state.artifacts.last_use(key);
                (which == Evict::Any || !is_active)
                    .then(|| (is_active, used, id.clone(), record.clone()))
            })
            .collect();
        queue.sort_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
        for (_, _, id, record) in queue {
            if self.plan.space() >= wanted {
                return;
            }
            self.plan_model(&id, &record, reason);
        }
    }
}
