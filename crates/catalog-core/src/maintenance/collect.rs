use std::path::Path;

use super::collect_plan::{CollectionPlan, PlannedRemoval, Removable, Seen};
use crate::artifacts::{BATCH, Owner, owner_of};
use crate::entry::LifecycleState;
use crate::error::{CatalogError, Result};
use crate::root::{FileLock, Moment, StagingFolder, is_sha256, remove_artifact};
use crate::state::{
    ModelRecord, Retirement, RootState, check_not_pinned, exclude_leases, take_away,
};

/// What a collection did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Collected {
    /// What was removed, in order.
    pub removed: Vec<Removable>,
    /// What was planned and is still there, and why: somebody has begun to use it since.
    pub spared: Vec<(Removable, CatalogError)>,
    /// How many bytes of disk the removed blobs took.
    pub freed: u64,
}

/// Removes what is planned, after looking again, under lock, whether each of it may still go.
/// Others can publish, lease and write while it runs.
///
/// Also notes, for models that an older release or an earlier run of the kernel retired, how long
/// that is certain to have been.
///
/// # Errors
///
/// What cannot be read or removed ends it; what was removed by then is gone, and a new plan
/// goes on.
pub(crate) fn collect(state: &RootState, plan: &CollectionPlan) -> Result<Collected> {
    note_retirements(state)?;
    let mut done = Collected::default();
    let mut blobs = Vec::new();
    let mut models = Vec::new();
    let staging = state.root.layout().staging();
    for removal in &plan.removals {
        match &removal.what {
            // Whatever a caller made of the plan.
            Removable::Staging(path) if path.parent() == Some(&staging) => {
                collect_staging(state, path, &mut done)?;
            }
            Removable::Blob(hex) if is_sha256(hex) => blobs.push(hex.clone()),
            Removable::Artifact(key) if is_sha256(key) => models.push(removal.clone()),
            Removable::Model(_) => models.push(removal.clone()),
            Removable::Staging(_) | Removable::Blob(_) | Removable::Artifact(_) => {}
        }
    }
    for some in models.chunks(BATCH) {
        collect_models(state, some, &mut done)?;
    }
    for some in blobs.chunks(BATCH) {
        let lock = state.artifacts.lock()?;
        for hex in some {
            // One that is used by now is no orphan any more.
            if let Some(freed) = state.artifacts.remove_blob(&lock, hex)? {
                done.freed += freed;
                done.removed.push(Removable::Blob(hex.clone()));
            }
        }
        lock.release();
    }
    Ok(done)
}

fn note_retirements(state: &RootState) -> Result<()> {
    let now = Moment::now();
    let anew = |record: &ModelRecord| {
        let is_retired = record.lifecycle == LifecycleState::Retired;
        match &record.retired {
            None if is_retired => Some(Retirement::begin()),
            Some(since) if is_retired => since.counted_anew(&now),
            _ => None,
        }
    };
    let snapshot = state.models.snapshot()?;
    if snapshot.iter().all(|(_, record)| anew(record).is_none()) {
        return Ok(());
    }
    state.models.update(|edit| {
        let changed: Vec<(String, ModelRecord)> = edit
            .iter()
            .filter_map(|(id, record)| {
                let retired = anew(record)?;
                Some((id.to_owned(), record.retired_since(retired)))
            })
            .collect();
        for (id, record) in changed {
            edit.insert(&id, record);
        }
        Ok(())
    })
}

fn collect_staging(state: &RootState, path: &Path, done: &mut Collected) -> Result<()> {
    let folder = StagingFolder::new(path.to_path_buf());
    let artifacts = &state.artifacts;
    let lock = artifacts.lock()?;
    let owner = match path.is_dir() {
        true => owner_of(&folder, artifacts.locking),
        false => Ok(Owner::Died(None)),
    };
    lock.release();
    // Its lock is held until it is gone; nobody makes a claim in a folder that is there.
    if let Owner::Died(_claim) = owner? {
        remove_artifact(path)?;
        done.removed.push(Removable::Staging(path.to_path_buf()));
    }
    Ok(())
}

/// Removes some models and artifacts: the entries of all in one write, then what they name.
fn collect_models(state: &RootState, some: &[PlannedRemoval], done: &mut Collected) -> Result<()> {
    let spared = &mut done.spared;
    let removed = state.models.update_then(
        |edit| {
            let mut removed: Vec<(Removable, (String, Option<FileLock>))> = Vec::new();
            for planned in some {
                let what = &planned.what;
                let found = may_go(state, planned, |id| edit.get(id).cloned());
                let excluded = found.and_then(|stored| match stored {
                    None => Ok(None),
                    // Another of this batch holds it already.
                    Some(stored) if removed.iter().any(|(_, (other, _))| *other == stored) => {
                        Ok(Some((stored, None)))
                    }
                    Some(stored) => {
                        let excluded = exclude_leases(state, &stored)?;
                        Ok(Some((stored, excluded)))
                    }
                });
                match excluded {
                    Ok(Some(taken)) => {
                        if let Removable::Model(id) = what {
                            edit.remove(id);
                        }
                        removed.push((what.clone(), taken));
                    }
                    Ok(None) => {}
                    Err(error) => spared.push((what.clone(), error)),
                }
            }
            Ok(removed)
        },
        |removed| {
            let (what, artifacts): (Vec<_>, Vec<_>) = removed.into_iter().unzip();
            Ok((what, take_away(state, artifacts)?))
        },
    )?;
    let (what, taken) = removed;
    for (what, is_gone) in what.into_iter().zip(taken.are_gone) {
        match is_gone {
            // An artifact that stays was registered since it was planned.
            Ok(false) if matches!(what, Removable::Artifact(_)) => {}
            // The entry of a model is gone in any case.
            Ok(_) => done.removed.push(what),
            Err(error) => done.spared.push((what, error)),
        }
    }
    if let Some(detached) = taken.detached {
        done.freed += state.artifacts.remove(detached)?;
    }
    Ok(())
}

/// The stored path of something planned that may still go; none if it is gone already.
fn may_go(
    state: &RootState,
    planned: &PlannedRemoval,
    get: impl Fn(&str) -> Option<ModelRecord>,
) -> Result<Option<String>> {
    match &planned.what {
        Removable::Artifact(key) => {
            let folder = state.root.layout().artifact(key);
            let relative = folder.path().strip_prefix(state.root.path());
            let relative = relative.expect("it is below the root").to_string_lossy();
            Ok(folder.path().exists().then(|| relative.into_owned()))
        }
        Removable::Model(id) => {
            let Some(record) = get(id) else {
                return Ok(None);
            };
            check_not_pinned(state, id)?;
            if planned.seen.as_ref() != Some(&Seen::of(state, &record)) {
                return Err(CatalogError::Conflict {
                    id: id.clone(),
                    expected: "as it was when its removal was planned",
                });
            }
            Ok(Some(record.local_path))
        }
        Removable::Staging(_) | Removable::Blob(_) => Ok(None),
    }
}
