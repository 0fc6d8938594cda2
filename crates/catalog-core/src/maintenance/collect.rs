use std::path::{Path, PathBuf};

use super::collect_plan::{CollectionPlan, PlannedRemoval, Removable, Seen};
use crate::artifacts::{BATCH, Owner, owner_of, space_below};
use crate::entry::LifecycleState;
use crate::error::{CatalogError, Result};
use crate::index::{Edit, Record};
use crate::root::{Layout, Moment, StagingFolder, Tombstone, is_sha256, remove_artifact};
use crate::state::{
    Decision, ModelRecord, Retirement, RootState, check_not_pinned, exclude_leases, free, mark,
    move_all_aside, unreferenced,
};

/// The result of a collection.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Collected {
    /// The artifacts and entries that were removed, in order.
    pub removed: Vec<Removable>,
    /// The planned removals that did not happen, with the reason: the artifact was used since, or
    /// it cannot be removed.
    pub spared: Vec<(Removable, CatalogError)>,
    /// The number of bytes of disk that were freed.
    pub freed: u64,
}

/// Executes a plan, after a check under lock whether each removal is still allowed.
pub(crate) fn collect(state: &RootState, plan: &CollectionPlan) -> Result<Collected> {
    note_retirements(state)?;
    let mut done = Collected::default();
    let (mut blobs, mut models, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
    let layout = state.root.layout();
    let (staging, removed) = (layout.staging(), layout.removed());
    for removal in &plan.removals {
        state.limits.check("collecting")?;
        let what = &removal.what;
        match what {
            // Whatever a caller made of the plan.
            Removable::Staging(path) if path.parent() == Some(&staging) => {
                let outcome = collect_staging(state, path);
                done.note(what, outcome);
            }
            Removable::Deleted(path) if path.parent() == Some(&removed) => {
                let outcome = space_below(path).and_then(|space| {
                    remove_artifact(path)?;
                    Ok(Some(space))
                });
                done.note(what, outcome);
            }
            Removable::Deleted(path) => deleted.push(path.clone()),
            Removable::Blob(hex) if is_sha256(hex) => blobs.push(hex.clone()),
            Removable::Artifact(key) if is_sha256(key) => models.push(removal.clone()),
            Removable::Model(_) => models.push(removal.clone()),
            Removable::Staging(_) | Removable::Blob(_) | Removable::Artifact(_) => {}
        }
    }
    if !deleted.is_empty() {
        collect_deleted(state, &deleted, &mut done)?;
    }
    for some in models.chunks(BATCH) {
        collect_models(state, some, &mut done)?;
    }
    for some in blobs.chunks(BATCH) {
        let lock = state.artifacts.lock()?;
        for hex in some {
            let outcome = state.artifacts.remove_blob(&lock, hex);
            done.note(&Removable::Blob(hex.clone()), outcome);
        }
        lock.release();
    }
    Ok(done)
}

impl Collected {
    /// Records the result of a removal: the bytes that it freed, or `None` if there was nothing to
    /// do.
    fn note(&mut self, what: &Removable, outcome: Result<Option<u64>>) {
        match outcome {
            Ok(Some(freed)) => {
                self.freed = self.freed.saturating_add(freed);
                self.removed.push(what.clone());
            }
            Ok(None) => {}
            Err(error) => self.spared.push((what.clone(), error)),
        }
    }
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

/// Removes a staging area whose owner died.
fn collect_staging(state: &RootState, path: &Path) -> Result<Option<u64>> {
    let folder = StagingFolder::new(path.to_path_buf());
    let artifacts = &state.artifacts;
    let lock = artifacts.lock()?;
    let owner = match path.is_dir() {
        true => owner_of(&folder, artifacts.locking()),
        false => Ok(Owner::Died(None)),
    };
    lock.release();
    // Its lock is held until it is gone; nobody makes a claim in a folder that is there.
    match owner? {
        Owner::Lives => Ok(None),
        Owner::Died(_claim) => {
            let space = space_below(path)?;
            remove_artifact(path)?;
            Ok(Some(space))
        }
    }
}

/// Finishes deletions that were interrupted or refused: removes each artifact that still matches
/// its tombstone.
fn collect_deleted(state: &RootState, deleted: &[PathBuf], done: &mut Collected) -> Result<()> {
    let is_planned = |tombstone: &&Tombstone| {
        let path = state.root.absolute(tombstone.stored_path());
        deleted.contains(&path)
    };
    let decide_models = |edit: &mut Edit<ModelRecord>, tombstone: &Tombstone| {
        let stored = tombstone.stored_path().to_path_buf();
        let found = state.engines.snapshot().and_then(|engines| {
            let models = edit.iter().map(|(_, record)| record.reference());
            let engines = engines.iter().flat_map(|(_, record)| record.references());
            unreferenced(state, &stored, models.chain(engines))
        });
        decide_about(state, edit, tombstone, found)
    };
    let mut finish = |decided: Vec<(PathBuf, Decision)>| {
        let (mut pending, mut paths) = (Vec::new(), Vec::new());
        for (stored, decision) in decided {
            let path = state.root.absolute(&stored);
            match decision {
                Decision::Keep => {}
                Decision::Remove(removal) => {
                    pending.push(removal);
                    paths.push(path);
                }
                Decision::Refuse(error) => done.spared.push((Removable::Deleted(path), error)),
            }
        }
        let (moved, failed) = move_all_aside(state, pending);
        paths.retain(|path| failed.iter().all(|(kept, _)| kept != path));
        let failed = failed.into_iter();
        done.spared
            .extend(failed.map(|(path, error)| (Removable::Deleted(path), error)));
        done.removed
            .extend(paths.into_iter().map(Removable::Deleted));
        Ok(moved)
    };
    let mut moved = Vec::new();
    moved.push(state.models.update_then(
        &state.limits,
        |edit| {
            let marks: Vec<Tombstone> = edit
                .tombstones()
                .iter()
                .filter(is_planned)
                .cloned()
                .collect();
            let decide =
                |mark: &Tombstone| (mark.stored_path().to_path_buf(), decide_models(edit, mark));
            Ok(marks.iter().map(decide).collect::<Vec<_>>())
        },
        &mut finish,
    )?);
    moved.push(state.engines.update_then(
        &state.limits,
        |edit| {
            let marks: Vec<Tombstone> = edit
                .tombstones()
                .iter()
                .filter(is_planned)
                .cloned()
                .collect();
            let mut decided = Vec::new();
            for mark in marks {
                let stored = mark.stored_path().to_path_buf();
                let found = state.models.snapshot().and_then(|models| {
                    let models = models.iter().map(|(_, record)| record.reference());
                    let engines = edit.iter().flat_map(|(_, record)| record.references());
                    unreferenced(state, &stored, engines.chain(models))
                });
                decided.push((stored, decide_about(state, edit, &mark, found)));
            }
            Ok(decided)
        },
        &mut finish,
    )?);
    for moved in moved {
        done.freed = done.freed.saturating_add(free(state, moved)?);
    }
    Ok(())
}

/// Decides about an artifact with a tombstone. A tombstone that nothing matches any more is
/// dropped.
fn decide_about<R: Record>(
    state: &RootState,
    edit: &mut Edit<R>,
    tombstone: &Tombstone,
    found: Result<Option<PathBuf>>,
) -> Decision {
    match tombstone.matches(&state.root) {
        Ok(true) => {}
        Ok(false) => {
            edit.drop_tombstone(tombstone);
            return Decision::Keep;
        }
        Err(error) => return Decision::Refuse(error),
    }
    match mark(state, edit, tombstone.stored_path(), found) {
        Decision::Keep => {
            edit.drop_tombstone(tombstone);
            Decision::Keep
        }
        decision => decision,
    }
}

/// Removes some models and artifacts: the entries of all in one write, then their artifacts.
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
                    Err(error) => spared.push((planned.what.clone(), error)),
                }
            }
            let mut decided: Vec<(Removable, PathBuf, Decision)> = Vec::new();
            for (what, stored) in going {
                let is_shared = decided.iter().any(|(_, other, _)| {
                    Layout::key_of(other) == Layout::key_of(&stored)
                        && Layout::key_of(other).is_some()
                });
                let decision = if is_shared || stored.is_absolute() {
                    // Another of this batch takes it along, or nothing is to be removed.
                    Decision::Keep
                } else {
                    let models = edit.iter().map(|(_, record)| record.reference());
                    let engines = engines.iter().flat_map(|(_, record)| record.references());
                    let found = unreferenced(state, &stored, models.chain(engines));
                    mark(state, edit, &stored, found)
                };
                decided.push((what, stored, decision));
            }
            Ok(decided)
        },
        |decided| {
            let (mut removed, mut pending, mut failed) = (Vec::new(), Vec::new(), Vec::new());
            for (what, stored, decision) in decided {
                let is_entry = matches!(what, Removable::Model(_));
                match decision {
                    // An artifact that stays was registered since it was planned.
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
    done.spared
        .extend(failed.into_iter().map(|(_, what, error)| (what, error)));
    done.freed = done.freed.saturating_add(free(state, moved)?);
    Ok(())
}

/// Returns the stored path of a planned removal that is still allowed, or `None` if it is gone
/// already.
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
            Ok(folder.path().exists().then_some(relative))
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
            // A model in use stays, with its entry.
            let stored = PathBuf::from(&record.local_path);
            drop(exclude_leases(state, &stored)?);
            Ok(Some(stored))
        }
        Removable::Staging(_) | Removable::Deleted(_) | Removable::Blob(_) => Ok(None),
    }
}
