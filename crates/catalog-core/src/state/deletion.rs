//! Deletes entries. One write of the index removes the entry and adds a tombstone for its artifact.
//! Then the artifact is renamed, under the lock, into a folder of the store. There it is unlinked
//! without a lock. If a deletion is interrupted or refused after the write, the next collection
//! finishes it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lease::exclude_leases;
use super::pins::check_not_pinned;
use super::referenced_paths::{Refers, Unneeded, removable};
use super::root_state::RootState;
use crate::artifacts::space_below;
use crate::error::{CatalogError, Result};
use crate::index::{Edit, Record, Snapshot};
use crate::root::{
    ArtifactFolder, FileLock, Layout, MoverAside, StoreRoot, Tombstone, remove_artifact,
};

/// An artifact that no entry names any longer, and that is to be removed.
#[derive(Debug)]
pub(crate) struct PendingRemoval {
    /// The path relative to the root. For a managed artifact, it is the path of the folder of the
    /// artifact.
    path: PathBuf,
    /// The lock that prevents leases on the artifact until it is renamed.
    _lock: Option<FileLock>,
}

/// An artifact that is to be removed unless an entry needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'p> {
    pub(crate) stored: &'p Path,
    /// Whether an entry named the artifact until now. If no entry did, the artifact needs no
    /// tombstone: the next collection finds it without one.
    pub(crate) had_entry: bool,
}

impl<'p> Candidate<'p> {
    pub(crate) fn of_entry(stored: &'p Path) -> Self {
        Self {
            stored,
            had_entry: true,
        }
    }
}

/// The decision about a candidate.
#[derive(Debug)]
pub(crate) enum Decision {
    /// Nothing is removed: the artifact lies outside the root, does not exist, or is needed by
    /// another entry.
    Keep,
    /// The artifact can be removed.
    Remove(PendingRemoval),
    /// The artifact cannot be removed now. A later collection removes it.
    Refuse(CatalogError),
}

/// Decides whether each candidate can be removed, and adds tombstones. The edit has removed the
/// entries of the candidates. Another entry of the edit, or an entry of the other index, may still
/// need an artifact. If several candidates lead to one artifact, only the first can be removed.
pub(crate) fn decide<R: Record + Refers, O: Record + Refers>(
    state: &RootState,
    edit: &mut Edit<R>,
    other: &Result<Arc<Snapshot<O>>>,
    candidates: &[Candidate<'_>],
) -> Vec<Decision> {
    let unreferenced = find_unreferenced(&state.root, edit, other, candidates);
    let mut decided = BTreeSet::new();
    let both = candidates.iter().zip(unreferenced);
    both.map(|(candidate, found)| match found {
        Ok(Some(path)) if decided.insert(path.clone()) => {
            let stored = &path;
            mark(
                state,
                edit,
                Candidate {
                    stored,
                    ..*candidate
                },
            )
        }
        Ok(_) => Decision::Keep,
        Err(error) => {
            // A later collection decides about this candidate.
            drop::<Result<bool>>(add_tombstone(state, edit, *candidate));
            Decision::Refuse(error)
        }
    })
    .collect()
}

/// Returns, for each candidate, the path to remove, relative to the root. The path is `None` if the
/// candidate lies outside the root, or if an entry needs it.
fn find_unreferenced<R: Record + Refers, O: Record + Refers>(
    root: &StoreRoot,
    edit: &Edit<R>,
    other: &Result<Arc<Snapshot<O>>>,
    candidates: &[Candidate<'_>],
) -> Vec<Result<Option<PathBuf>>> {
    let removable = candidates.iter().map(|of| removable(root, of.stored));
    let removable: Vec<Result<Option<PathBuf>>> = removable.collect();
    let mut unneeded = Unneeded::default();
    for path in removable.iter().flatten().flatten() {
        unneeded.insert(path);
    }
    let resolved = other.as_ref().map_err(CatalogError::duplicate);
    let resolved = resolved.and_then(|other| {
        let own = edit.iter().flat_map(|(_, record)| record.references());
        let others = other.iter().flat_map(|(_, record)| record.references());
        unneeded.retain_unreferenced(root, own.chain(others))
    });
    let of_candidate = |path: PathBuf| match &resolved {
        _ if !unneeded.contains(&path) => Ok(None),
        Ok(()) => Ok(Some(path)),
        Err(error) => Err(error.duplicate()),
    };
    let outcome = |path: Result<Option<PathBuf>>| path?.map_or(Ok(None), of_candidate);
    removable.into_iter().map(outcome).collect()
}

/// Adds the tombstone of an artifact that no entry needs, and takes the lock that prevents leases
/// on it.
fn mark<R: Record>(state: &RootState, edit: &mut Edit<R>, unneeded: Candidate<'_>) -> Decision {
    match add_tombstone(state, edit, unneeded) {
        Ok(false) => return Decision::Keep,
        Ok(true) => {}
        Err(error) => return Decision::Refuse(error),
    }
    match exclude_leases(state, unneeded.stored) {
        Ok(lock) => Decision::Remove(PendingRemoval {
            path: unneeded.stored.to_path_buf(),
            _lock: lock,
        }),
        Err(error) => Decision::Refuse(error),
    }
}

/// Adds a tombstone if the artifact had an entry. Returns true if the artifact exists.
fn add_tombstone<R: Record>(
    state: &RootState,
    edit: &mut Edit<R>,
    candidate: Candidate<'_>,
) -> Result<bool> {
    let Some(tombstone) = Tombstone::of(&state.root, candidate.stored)? else {
        return Ok(false);
    };
    if candidate.had_entry {
        edit.add_tombstone(tombstone);
    }
    Ok(true)
}

/// The artifacts that were renamed into a folder of the store and wait to be unlinked.
#[derive(Debug, Default)]
#[must_use = "`free` unlinks them"]
pub(crate) struct MovedAside {
    /// The paths to unlink. The second path of each pair is the part whose space is counted: for a
    /// managed artifact, its `files` folder.
    paths: Vec<(PathBuf, PathBuf)>,
    blobs: Vec<String>,
}

/// Renames artifacts into a folder of the store. The caller holds the lock of the index. Returns
/// the artifacts that were renamed, and the path and the error of each artifact that was not.
pub(crate) fn move_all_aside(state: &RootState, pending: Vec<PendingRemoval>) -> Outcome {
    let mut moved = MovedAside::default();
    let mut failed = Vec::new();
    let is_managed = |pending: &PendingRemoval| Layout::key_of(&pending.path).is_some();
    let lock = pending
        .iter()
        .any(is_managed)
        .then(|| state.artifacts.lock());
    let mut aside = MoverAside::new(state.root.layout());
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
        let done = match &mut aside {
            Ok(aside) => aside.move_aside(&path),
            Err(error) => Err(error.duplicate()),
        };
        match done {
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
        drop(lock);
    }
    (moved, failed)
}

/// The result of unlinking artifacts.
#[derive(Debug, Default)]
pub(crate) struct Freed {
    /// The number of bytes that were freed on the disk.
    pub(crate) bytes: u64,
    /// The paths that could not be unlinked, with the reasons. The next collection tries again.
    pub(crate) failed: Vec<(PathBuf, CatalogError)>,
}

/// Unlinks artifacts that were renamed, and the blobs that no other artifact uses.
pub(crate) fn free(state: &RootState, moved: MovedAside) -> Freed {
    let mut freed = Freed::default();
    for (path, counted) in moved.paths {
        let space = space_below(&counted);
        match remove_artifact(&path) {
            Ok(()) => freed.bytes = freed.bytes.saturating_add(space),
            Err(error) => freed.failed.push((path, error)),
        }
    }
    match state.artifacts.remove_blobs(&moved.blobs) {
        Ok((bytes, failed)) => {
            freed.bytes = freed.bytes.saturating_add(bytes);
            freed.failed.extend(failed);
        }
        Err(error) => freed.failed.push((state.root.layout().blobs(), error)),
    }
    freed
}

/// Removes the entry of a model, and then its artifact. Returns true if there was such an entry.
///
/// # Errors
///
/// [`CatalogError::Pinned`] if the model is pinned, [`CatalogError::ArtifactKept`] if the entry was
/// removed but its artifact was not, and the errors of writing the index.
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
            let decisions = decide(
                state,
                edit,
                &state.engines.snapshot(),
                &[Candidate::of_entry(stored)],
            );
            let stored = std::iter::once(stored.to_path_buf());
            Ok(Some(stored.zip(decisions).collect()))
        },
        |decided| Ok(decided.map(|decided| move_aside_decided(state, decided))),
    )?;
    finish(state, id, decided)
}

/// Removes the entry of an engine, and then its local artifacts. Returns true if there was such an
/// entry.
///
/// # Errors
///
/// [`CatalogError::ArtifactKept`] if an artifact could not be removed: the error names the first
/// such artifact. The errors of writing the index.
pub(crate) fn delete_engine(state: &RootState, id: &str) -> Result<bool> {
    let decided = state.engines.update_then(
        &state.limits,
        |edit| {
            let Some(record) = edit.remove(id) else {
                return Ok(None);
            };
            let references = record.references();
            let stored: Vec<&Path> = references.map(|of| Path::new(of.stored)).collect();
            let candidates: Vec<_> = stored.iter().copied().map(Candidate::of_entry).collect();
            let decisions = decide(state, edit, &state.models.snapshot(), &candidates);
            let stored = stored.into_iter().map(Path::to_path_buf);
            Ok(Some(stored.zip(decisions).collect()))
        },
        |decided| Ok(decided.map(|decided| move_aside_decided(state, decided))),
    )?;
    finish(state, id, decided)
}

/// The artifacts that were renamed, and the artifacts that could not be removed, with the reasons.
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
    kept.extend(free(state, moved).failed);
    match kept.into_iter().next() {
        None => Ok(true),
        Some((path, error)) => Err(CatalogError::ArtifactKept {
            id: id.to_owned(),
            path,
            source: Box::new(error),
        }),
    }
}
