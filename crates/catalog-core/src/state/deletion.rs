//! Deletes entries: one index write removes the entry and adds a tombstone for its artifact. Then
//! the artifact is renamed, under the lock, into a folder of the store, and unlinked there without
//! any lock. The next collection finishes a deletion that is interrupted or refused in between.

use std::path::{Path, PathBuf};

use super::lease::exclude_leases;
use super::pins::check_not_pinned;
use super::referenced_paths::{Reference, removable, retain_unreferenced};
use super::root_state::RootState;
use crate::artifacts::space_below;
use crate::error::{CatalogError, Result};
use crate::index::{Edit, Record};
use crate::root::{ArtifactFolder, FileLock, Layout, Tombstone, move_aside, remove_artifact};

/// An artifact that no entry names any more.
#[derive(Debug)]
pub(crate) struct PendingRemoval {
    /// The path, relative to the root: the folder of a managed artifact, or the path of another
    /// one.
    path: PathBuf,
    /// Keeps leases away from it until it is renamed.
    _lock: Option<FileLock>,
}

/// The decision about the artifact of an entry that is being deleted.
#[derive(Debug)]
pub(crate) enum Decision {
    /// Nothing is removed: the artifact lies outside of the root, is gone, or another entry needs
    /// it.
    Keep,
    /// The artifact has a tombstone and can be removed.
    Remove(PendingRemoval),
    /// The artifact has a tombstone, but must stay for now; a later collection removes it.
    Refuse(CatalogError),
}

/// Returns the path to remove for a stored path, relative to the root. Returns `None` if it lies
/// outside of the root, or if an entry needs it.
pub(crate) fn unreferenced<'p>(
    state: &RootState,
    stored: &Path,
    references: impl Iterator<Item = Reference<'p>>,
) -> Result<Option<PathBuf>> {
    let mut candidates: Vec<PathBuf> = removable(&state.root, stored)?.into_iter().collect();
    retain_unreferenced(&state.root, &mut candidates, references)?;
    Ok(candidates.pop())
}

/// Adds the tombstone of the artifact whose entry an edit removed, and keeps leases away from it.
pub(crate) fn mark<R: Record>(
    state: &RootState,
    edit: &mut Edit<R>,
    stored: &Path,
    unreferenced: Result<Option<PathBuf>>,
) -> Decision {
    let add_tombstone = |edit: &mut Edit<R>, path: &Path| {
        let tombstone = Tombstone::of(&state.root, path)?;
        let is_there = tombstone.is_some();
        tombstone
            .into_iter()
            .for_each(|mark| edit.add_tombstone(mark));
        Ok(is_there)
    };
    let path = match unreferenced {
        Ok(None) => return Decision::Keep,
        Ok(Some(path)) => path,
        Err(error) => {
            // A collection decides what cannot be decided now.
            drop::<Result<bool>>(add_tombstone(edit, stored));
            return Decision::Refuse(error);
        }
    };
    match add_tombstone(edit, &path) {
        Ok(false) => return Decision::Keep,
        Ok(true) => {}
        Err(error) => return Decision::Refuse(error),
    }
    match exclude_leases(state, &path) {
        Ok(lock) => Decision::Remove(PendingRemoval { path, _lock: lock }),
        Err(error) => Decision::Refuse(error),
    }
}

/// Artifacts that were renamed out of their places and only take space.
#[derive(Debug, Default)]
#[must_use = "`free` unlinks them"]
pub(crate) struct MovedAside {
    /// The paths, each with the part whose space is counted: for a managed artifact, its files.
    paths: Vec<(PathBuf, PathBuf)>,
    blobs: Vec<String>,
}

/// Renames artifacts out of their places. The caller holds the index lock. Returns the error of each
/// that could not be renamed, with its path.
pub(crate) fn move_all_aside(state: &RootState, pending: Vec<PendingRemoval>) -> Outcome {
    let mut moved = MovedAside::default();
    let mut failed = Vec::new();
    let is_managed = |pending: &PendingRemoval| Layout::key_of(&pending.path).is_some();
    let lock = pending
        .iter()
        .any(is_managed)
        .then(|| state.artifacts.lock());
    for pending in pending {
        let path = state.root.absolute(&pending.path);
        if is_managed(&pending)
            && let Some(Err(refusal)) = &lock
        {
            failed.push((path, refusal.duplicate()));
            continue;
        }
        if let Some(key) = Layout::key_of(&pending.path) {
            moved.blobs.extend(state.artifacts.blobs_of(key));
        }
        match move_aside(&path, &state.root.layout().removed()) {
            Ok(Some(aside)) => {
                let counted = match Layout::key_of(&pending.path) {
                    Some(_) => ArtifactFolder::new(aside.clone()).files(),
                    None => aside.clone(),
                };
                moved.paths.push((aside, counted));
            }
            Ok(None) => {}
            Err(error) => failed.push((path, error)),
        }
    }
    if let Some(Ok(lock)) = lock {
        lock.release();
    }
    (moved, failed)
}

/// Unlinks artifacts that are out of their places, and the blobs that nothing else uses. Returns
/// the number of bytes of disk that this freed.
pub(crate) fn free(state: &RootState, moved: MovedAside) -> Result<u64> {
    let mut freed = 0_u64;
    for (path, counted) in &moved.paths {
        freed = freed.saturating_add(space_below(counted)?);
        remove_artifact(path)?;
    }
    Ok(freed.saturating_add(state.artifacts.remove_blobs(&moved.blobs)?))
}

/// Removes the entry of a model, then its artifact. Returns whether there was an entry.
///
/// # Errors
///
/// [`CatalogError::Pinned`] if the model is pinned; [`CatalogError::ArtifactKept`] if the entry is
/// gone and its artifact is not; the errors of writing.
pub(crate) fn delete_model(state: &RootState, id: &str) -> Result<bool> {
    let decided = state.models.update_then(
        &state.limits,
        |edit| {
            check_not_pinned(state, id)?;
            let Some(record) = edit.remove(id) else {
                return Ok(None);
            };
            let stored = Path::new(&record.local_path);
            if stored.is_absolute() {
                return Ok(Some(Vec::new()));
            }
            let found = state.engines.snapshot().and_then(|engines| {
                let models = edit.iter().map(|(_, record)| record.reference());
                let engines = engines.iter().flat_map(|(_, record)| record.references());
                unreferenced(state, stored, models.chain(engines))
            });
            let decision = mark(state, edit, stored, found);
            Ok(Some(vec![(stored.to_path_buf(), decision)]))
        },
        |decided| Ok(decided.map(|decided| move_aside_decided(state, decided))),
    )?;
    finish(state, id, decided)
}

/// Removes the entry of an engine, then its local artifacts. Returns whether there was an entry.
///
/// # Errors
///
/// The errors of [`delete_model`]. If several artifacts could not be removed, the error names the
/// first.
pub(crate) fn delete_engine(state: &RootState, id: &str) -> Result<bool> {
    let decided = state.engines.update_then(
        &state.limits,
        |edit| {
            let Some(record) = edit.remove(id) else {
                return Ok(None);
            };
            let mut decided = Vec::new();
            for reference in record.references() {
                let stored = Path::new(reference.stored);
                let found = state.models.snapshot().and_then(|models| {
                    let models = models.iter().map(|(_, record)| record.reference());
                    let engines = edit.iter().flat_map(|(_, record)| record.references());
                    unreferenced(state, stored, engines.chain(models))
                });
                let decision = mark(state, edit, stored, found);
                decided.push((stored.to_path_buf(), decision));
            }
            Ok(Some(decided))
        },
        |decided| Ok(decided.map(|decided| move_aside_decided(state, decided))),
    )?;
    finish(state, id, decided)
}

/// The artifacts that were renamed, and those that could not be removed, with the reason.
type Outcome = (MovedAside, Vec<(PathBuf, CatalogError)>);

fn move_aside_decided(state: &RootState, decided: Vec<(PathBuf, Decision)>) -> Outcome {
    let (mut pending, mut kept) = (Vec::new(), Vec::new());
    for (stored, decision) in decided {
        match decision {
            Decision::Keep => {}
            Decision::Remove(removal) => pending.push(removal),
            Decision::Refuse(error) => kept.push((state.root.absolute(&stored), error)),
        }
    }
    let (moved, failed) = move_all_aside(state, pending);
    kept.extend(failed);
    (moved, kept)
}

fn finish(state: &RootState, id: &str, outcome: Option<Outcome>) -> Result<bool> {
    let Some((moved, mut kept)) = outcome else {
        return Ok(false);
    };
    if let Err(error) = free(state, moved) {
        kept.push((state.root.layout().removed(), error));
    }
    match kept.into_iter().next() {
        None => Ok(true),
        Some((path, error)) => Err(CatalogError::ArtifactKept {
            id: id.to_owned(),
            path,
            source: Box::new(error),
        }),
    }
}
