use std::path::Path;

use super::lease::exclude_leases;
use super::pins::check_not_pinned;
use super::referenced_paths::ReferencedPaths;
use super::root_state::RootState;
use crate::artifacts::PendingRemoval;
use crate::error::{CatalogError, Result};
use crate::root::{FileLock, Layout, remove_artifact};

/// What became of artifacts that no entry names any more.
#[derive(Debug, Default)]
pub(crate) struct TakenAway {
    /// Whether each is gone: if not, it lies outside of the root or another entry uses it.
    pub(crate) are_gone: Vec<Result<bool>>,
    /// The managed ones, whose space is still to be freed.
    pub(crate) detached: Option<PendingRemoval>,
}

/// Removes the artifact of a deleted entry, if it lies below the root and no other entry has a
/// part in it.
///
/// # Errors
///
/// [`CatalogError::ArtifactKept`] if it should be gone but is not.
pub(crate) fn reclaim(state: &RootState, id: &str, stored: &str) -> Result<()> {
    let done = exclude_leases(state, stored)
        .and_then(|excluded| take_away(state, vec![(stored.to_owned(), excluded)]))
        .and_then(|taken| {
            if let Some(detached) = taken.detached {
                state.artifacts.remove(detached)?;
            }
            taken
                .are_gone
                .into_iter()
                .try_for_each(|gone| gone.map(drop))
        });
    done.map_err(|error| CatalogError::ArtifactKept {
        id: id.to_owned(),
        path: state.root.absolute(Path::new(stored)),
        source: Box::new(error),
    })
}

/// Takes artifacts away from their stored paths, as long as no entry has a part in them. With
/// each comes the lock that keeps leases away from it.
pub(crate) fn take_away(
    state: &RootState,
    artifacts: Vec<(String, Option<FileLock>)>,
) -> Result<TakenAway> {
    let places = ReferencedPaths::of(&state.root, state.artifacts_in_use())?;
    let mut are_gone = Vec::with_capacity(artifacts.len());
    let mut managed = Vec::new();
    for (stored, excluded) in artifacts {
        let is_gone = match Layout::key_of(Path::new(&stored)) {
            Some(key) => {
                let is_free = places.is_free(state.root.layout().artifact(key).path());
                if is_free {
                    managed.push((key.to_owned(), excluded));
                }
                Ok(is_free)
            }
            None if Path::new(&stored).is_absolute() => Ok(false),
            None => {
                let path = state.root.absolute(Path::new(&stored));
                match places.removable(&state.root, &path) {
                    Ok(Some(path)) => remove_artifact(&path).map(|()| true),
                    Ok(None) => Ok(false),
                    Err(error) => Err(error),
                }
            }
        };
        are_gone.push(is_gone);
    }
    let detached = if managed.is_empty() {
        None
    } else {
        let lock = state.artifacts.lock()?;
        let keys = managed.iter_mut();
        let keys = keys.map(|(key, excluded)| (key.as_str(), excluded.take()));
        let detached = state.artifacts.detach(&lock, keys);
        lock.release();
        Some(detached?)
    };
    Ok(TakenAway { are_gone, detached })
}

/// Removes the entry of a model, then its artifact.
pub(crate) fn delete_model(state: &RootState, id: &str) -> Result<bool> {
    state.models.update_then(
        |edit| {
            check_not_pinned(state, id)?;
            Ok(edit.remove(id))
        },
        |removed| match removed {
            None => Ok(false),
            Some(record) => reclaim(state, id, &record.local_path).map(|()| true),
        },
    )
}
