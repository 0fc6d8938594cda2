use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::collected::Collected;
use super::collection_plan::Removable;
use super::skipped::Skipped;
use crate::error::Result;
use crate::index::{Edit, JsonIndex, Record, Snapshot};
use crate::root::Tombstone;
use crate::state::{
    Candidate, Decision, MovedAside, Refers, RootState, decide, free, move_all_aside,
};

/// Finishes deletions that were interrupted or refused. If the artifact at one of these paths still
/// matches its tombstone, it is removed. If it does not match, only the tombstone is removed.
pub(super) fn finish_deletions(
    state: &RootState,
    paths: &[PathBuf],
    done: &mut Collected,
) -> Result<()> {
    let paths: BTreeSet<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let (models, engines) = (&state.models, &state.engines);
    finish_in(state, models, || engines.snapshot(), &paths, done)?;
    finish_in(state, engines, || models.snapshot(), &paths, done)
}

/// Finishes the deletions of one index. `other` reads the other index.
fn finish_in<R: Record + Refers, O: Record + Refers>(
    state: &RootState,
    index: &JsonIndex<R>,
    other: impl FnOnce() -> Result<Arc<Snapshot<O>>>,
    paths: &BTreeSet<&Path>,
    done: &mut Collected,
) -> Result<()> {
    let moved = index.update_then(
        &state.limits,
        |edit| Ok(decide_planned(state, edit, &other(), paths)),
        |decided| Ok(move_decided(state, decided, done)),
    )?;
    done.note_freed(free(state, moved));
    Ok(())
}

/// Decides whether the artifacts at these paths can be removed, if they have a tombstone in the
/// index of the edit.
fn decide_planned<R: Record + Refers, O: Record + Refers>(
    state: &RootState,
    edit: &mut Edit<R>,
    other: &Result<Arc<Snapshot<O>>>,
    paths: &BTreeSet<&Path>,
) -> Vec<(PathBuf, Decision)> {
    let absolute = |tombstone: &Tombstone| state.root.absolute(tombstone.stored_path());
    let tombstones = edit.tombstones().iter();
    let planned = tombstones.filter(|tombstone| paths.contains(absolute(tombstone).as_path()));
    let planned: Vec<Tombstone> = planned.cloned().collect();
    let mut decided = Vec::new();
    let mut unchanged = Vec::new();
    for tombstone in &planned {
        match tombstone.matches(&state.root) {
            Ok(true) => unchanged.push(tombstone),
            Ok(false) => edit.drop_tombstone(tombstone),
            Err(error) => decided.push((absolute(tombstone), Decision::Refuse(error))),
        }
    }
    let candidates = unchanged
        .iter()
        .map(|of| Candidate::of_entry(of.stored_path()));
    let candidates: Vec<Candidate<'_>> = candidates.collect();
    let decisions = decide(state, edit, other, &candidates);
    for (tombstone, decision) in unchanged.into_iter().zip(decisions) {
        if matches!(decision, Decision::Keep) {
            edit.drop_tombstone(tombstone);
        }
        decided.push((absolute(tombstone), decision));
    }
    decided
}

/// Moves aside the artifacts to remove, and records the result of each.
fn move_decided(
    state: &RootState,
    decided: Vec<(PathBuf, Decision)>,
    done: &mut Collected,
) -> MovedAside {
    let (mut pending, mut removed) = (Vec::new(), Vec::new());
    for (path, decision) in decided {
        match decision {
            Decision::Keep => {}
            Decision::Remove(removal) => {
                pending.push(removal);
                removed.push(path);
            }
            Decision::Refuse(error) => done
                .spared
                .push(Skipped::new(Removable::Deleted(path), error)),
        }
    }
    let (moved, failed) = move_all_aside(state, pending);
    removed.retain(|path| failed.iter().all(|(kept, _)| kept != path));
    let spared = failed.into_iter();
    done.spared
        .extend(spared.map(|(path, error)| Skipped::new(Removable::Deleted(path), error)));
    done.removed
        .extend(removed.into_iter().map(Removable::Deleted));
    moved
}
