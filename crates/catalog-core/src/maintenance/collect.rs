use std::path::PathBuf;

use super::collected::Collected;
use super::collection_plan::{CollectionPlan, PlannedRemoval, Removable, Seen};
use super::finish_deletions::finish_deletions;
use super::leftovers::move_leftover_aside;
use super::room::making_room;
use super::skipped::Skipped;
use super::unlink::{unlink, unlink_staging};
use crate::artifacts::BATCH;
use crate::entry::LifecycleState;
use crate::error::{CatalogError, Result};
use crate::root::{Moment, MoverAside, is_sha256, is_there};
use crate::state::{
    Candidate, Decision, ModelRecord, Retirement, RootState, check_not_pinned, decide,
    exclude_leases, free, move_all_aside,
};

/// The maximum number of models or artifacts that one write of the index removes. Each of them
/// holds a lock, and so a file handle, until it is renamed, and other writers wait for all renames.
/// A smaller number would need more writes, and each write takes time in proportion to the size of
/// the index.
const MODELS_OF_A_WRITE: usize = 256;

/// Executes a plan. Before each removal, the call checks under a lock that the removal is still
/// allowed.
pub(crate) fn collect(state: &RootState, plan: &CollectionPlan) -> Result<Collected> {
    match note_retirements(state) {
        // The next collection records the times. This collection continues, because it may make
        // room.
        Err(error) if error.is_full() => {
            tracing::debug!(%error, "the times of retirement could not be recorded");
        }
        noted => noted?,
    }
    let mut done = Collected::default();
    let (mut blobs, mut models, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
    let mut left = Vec::new();
    let layout = state.root.layout();
    let (staging, removed) = (layout.staging(), layout.removed());
    for removal in &plan.removals {
        state.limits.check("collecting")?;
        let what = &removal.what;
        match what {
            // The paths are checked because a caller may have changed the plan.
            Removable::Staging(path) if path.parent() == Some(&staging) => {
                let outcome = unlink_staging(state, path);
                done.note(what, outcome);
            }
            Removable::Deleted(path) if path.parent() == Some(&removed) => {
                done.note(what, unlink(path).map(Some));
            }
            Removable::Deleted(path) => deleted.push(path.clone()),
            Removable::Blob(hex) if is_sha256(hex) => blobs.push(hex.clone()),
            Removable::Artifact(key) if is_sha256(key) => models.push(removal.clone()),
            Removable::Model(_) => models.push(removal.clone()),
            Removable::Quarantined(_) | Removable::KeptAside(_) | Removable::ModelLock(_) => {
                left.push(what);
            }
            Removable::Staging(_) | Removable::Blob(_) | Removable::Artifact(_) => {}
        }
    }
    for some in left.chunks(BATCH) {
        // A process that moves a file to quarantine holds this lock, too. Files are unlinked
        // without the lock, because a large file takes long.
        let lock = state.artifacts.lock()?;
        let mut mover = MoverAside::new(layout)?;
        let mut move_aside = |what| move_leftover_aside(state, &mut mover, what);
        let moved: Vec<_> = some.iter().map(|what| move_aside(what)).collect();
        drop(lock);
        for (what, moved) in some.iter().zip(moved) {
            let freed = moved.and_then(|aside| aside.map(|aside| unlink(&aside)).transpose());
            done.note(what, freed);
        }
    }
    for some in deleted.chunks(MODELS_OF_A_WRITE) {
        let spared = done.spared.len();
        making_room(state, || {
            done.spared.truncate(spared);
            finish_deletions(state, some, &mut done)
        })?;
    }
    for some in models.chunks(MODELS_OF_A_WRITE) {
        let spared = done.spared.len();
        making_room(state, || {
            done.spared.truncate(spared);
            collect_models(state, some, &mut done)
        })?;
    }
    for some in blobs.chunks(BATCH) {
        let lock = state.artifacts.lock()?;
        for hex in some {
            let outcome = state.artifacts.remove_blob(&lock, hex);
            done.note(&Removable::Blob(hex.clone()), outcome);
        }
        drop(lock);
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
    state.models.update(&state.limits, |edit| {
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

/// Removes some models and artifacts: first the entries of all models in one write of the index,
/// then the artifacts. If no model is among them, the index is not written.
fn collect_models(state: &RootState, some: &[PlannedRemoval], done: &mut Collected) -> Result<()> {
    let spared = &mut done.spared;
    let (removed, moved, failed) = state.models.update_then(
        &state.limits,
        |edit| {
            let engines = state.engines.snapshot()?;
            let mut going: Vec<(Removable, PathBuf)> = Vec::new();
            for planned in some {
                match may_go(state, planned, |id| edit.get(id).cloned()) {
                    Ok(Some(stored)) => {
                        if let Removable::Model(id) = &planned.what {
                            edit.remove(id);
                        }
                        going.push((planned.what.clone(), stored));
                    }
                    Ok(None) => {}
                    Err(error) => spared.push(Skipped::new(planned.what.clone(), error)),
                }
            }
            let candidates = going.iter().map(|(what, stored)| Candidate {
                stored,
                had_entry: matches!(what, Removable::Model(_)),
            });
            let candidates: Vec<Candidate<'_>> = candidates.collect();
            let decisions = decide(state, edit, &Ok(engines), &candidates);
            let decided = going.into_iter().zip(decisions);
            Ok(decided
                .map(|((what, stored), decision)| (what, stored, decision))
                .collect())
        },
        |decided: Vec<(Removable, PathBuf, Decision)>| {
            let (mut removed, mut pending, mut failed) = (Vec::new(), Vec::new(), Vec::new());
            for (what, stored, decision) in decided {
                let is_entry = matches!(what, Removable::Model(_));
                match decision {
                    // An artifact that an entry needs now was registered after it was planned.
                    Decision::Keep if is_entry => removed.push((what, stored)),
                    Decision::Keep => {}
                    Decision::Remove(removal) => {
                        pending.push(removal);
                        removed.push((what, stored));
                    }
                    Decision::Refuse(error) => {
                        failed.push((state.root.absolute(&stored), what, error))
                    }
                }
            }
            let (moved, kept) = move_all_aside(state, pending);
            for (path, error) in kept {
                let at = removed
                    .iter()
                    .position(|(_, stored)| state.root.absolute(stored).starts_with(&path));
                if let Some(at) = at {
                    let (what, _) = removed.remove(at);
                    failed.push((path, what, error));
                }
            }
            Ok((removed, moved, failed))
        },
    )?;
    done.removed
        .extend(removed.into_iter().map(|(what, _)| what));
    done.spared.extend(
        failed
            .into_iter()
            .map(|(_, what, error)| Skipped::new(what, error)),
    );
    done.note_freed(free(state, moved));
    Ok(())
}

/// Returns the stored path of a planned removal, if the removal is still allowed. Returns `None` if
/// the model or artifact does not exist any longer.
fn may_go(
    state: &RootState,
    planned: &PlannedRemoval,
    get: impl Fn(&str) -> Option<ModelRecord>,
) -> Result<Option<PathBuf>> {
    match &planned.what {
        Removable::Artifact(key) => {
            let folder = state.root.layout().artifact(key);
            let relative = folder.path().strip_prefix(state.root.path());
            let relative = relative.expect("it is below the root").to_path_buf();
            Ok(is_there(folder.path())?.then_some(relative))
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
            // A model with a lease stays, and so does its entry.
            let stored = PathBuf::from(&record.local_path);
            drop(exclude_leases(state, &stored)?);
            Ok(Some(stored))
        }
        _ => Ok(None),
    }
}
