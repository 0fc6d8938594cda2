use std::path::{Path, PathBuf};

use super::collected::Collected;
use super::collection_plan::Removable;
use crate::error::Result;
use crate::index::{Edit, Record};
use crate::root::Tombstone;
use crate::state::{Decision, MovedAside, RootState, free, mark, move_all_aside, unreferenced};

/// Finishes deletions that were interrupted or refused: removes the artifact of each of these paths
/// that still matches its tombstone. Other tombstones of the paths are dropped.
pub(super) fn finish_deletions(
    state: &RootState,
    paths: &[PathBuf],
    done: &mut Collected,
) -> Result<()> {
    let of_models = state.models.update_then(
        &state.limits,
        |edit| {
            let decided = decide(state, edit, paths, |edit, stored| {
                let engines = state.engines.snapshot()?;
                let models = edit.iter().map(|(_, record)| record.reference());
                let engines = engines.iter().flat_map(|(_, record)| record.references());
                unreferenced(state, stored, models.chain(engines))
            });
            Ok(decided)
        },
        |decided| Ok(move_decided(state, decided, done)),
    )?;
    let of_engines = state.engines.update_then(
        &state.limits,
        |edit| {
            let decided = decide(state, edit, paths, |edit, stored| {
                let models = state.models.snapshot()?;
                let models = models.iter().map(|(_, record)| record.reference());
                let engines = edit.iter().flat_map(|(_, record)| record.references());
                unreferenced(state, stored, models.chain(engines))
            });
            Ok(decided)
        },
        |decided| Ok(move_decided(state, decided, done)),
    )?;
    for moved in [of_models, of_engines] {
        done.freed = done.freed.saturating_add(free(state, moved)?);
    }
    Ok(())
}

/// Decides about the artifacts at these paths that have a tombstone in one index. `find` returns
/// the path to remove for a stored path, if no entry needs it.
fn decide<R: Record>(
    state: &RootState,
    edit: &mut Edit<R>,
    paths: &[PathBuf],
    find: impl Fn(&Edit<R>, &Path) -> Result<Option<PathBuf>>,
) -> Vec<(PathBuf, Decision)> {
    let planned: Vec<(PathBuf, Tombstone)> = edit
        .tombstones()
        .iter()
        .map(|tombstone| (state.root.absolute(tombstone.stored_path()), tombstone))
        .filter(|(path, _)| paths.contains(path))
        .map(|(path, tombstone)| (path, tombstone.clone()))
        .collect();
    let mut decided = Vec::new();
    for (path, tombstone) in planned {
        let decision = match tombstone.matches(&state.root) {
            Ok(true) => {
                let found = find(edit, tombstone.stored_path());
                mark(state, edit, tombstone.stored_path(), found)
            }
            Ok(false) => Decision::Keep,
            Err(error) => Decision::Refuse(error),
        };
        if matches!(decision, Decision::Keep) {
            edit.drop_tombstone(&tombstone);
        }
        decided.push((path, decision));
    }
    decided
}

/// Moves the artifacts aside that are to be removed, and notes what became of each.
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
            Decision::Refuse(error) => done.spared.push((Removable::Deleted(path), error)),
        }
    }
    let (moved, failed) = move_all_aside(state, pending);
    removed.retain(|path| failed.iter().all(|(kept, _)| kept != path));
    let spared = failed.into_iter();
    done.spared
        .extend(spared.map(|(path, error)| (Removable::Deleted(path), error)));
    done.removed
        .extend(removed.into_iter().map(Removable::Deleted));
    moved
}
