use std::fs;
use std::path::{Path, PathBuf};

use crate::disk::{Placement, StoreRoot, links_below, remove_artifact, trail};
use crate::error::{CatalogError, Result};

/// Removes the artifact of a deleted entry, if it lies below the root and none of `users`, the
/// stored paths of all other entries, has a part in it.
///
/// # Errors
///
/// [`CatalogError::ArtifactKept`] if it should be gone but is not.
pub(super) fn reclaim<P: AsRef<Path>>(
    root: &StoreRoot,
    id: &str,
    stored: &Path,
    users: impl IntoIterator<Item = Result<P>>,
) -> Result<()> {
    if stored.is_absolute() {
        return Ok(());
    }
    let path = root.absolute(stored);
    let removed = match removable(root, &path, users) {
        Ok(Some(path)) => remove_artifact(&path),
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    removed.map_err(|error| CatalogError::ArtifactKept {
        id: id.to_owned(),
        path,
        source: Box::new(error),
    })
}

/// What is to be removed for an artifact of a deleted entry; none if it lies outside of the root or
/// one of `users` has a part in it.
pub(super) fn removable<P: AsRef<Path>>(
    root: &StoreRoot,
    path: &Path,
    users: impl IntoIterator<Item = Result<P>>,
) -> Result<Option<PathBuf>> {
    // Looked at again: since the entry was stored, a folder above it may have become a link.
    let path = match root.place(path)? {
        Placement::Inside(relative) => root.absolute(&relative),
        Placement::Outside(_) => return Ok(None),
    };
    for user in users {
        if is_used_by(&path, &root.absolute(user?.as_ref()))? {
            tracing::info!(path = %path.display(), "artifact kept: another entry uses it");
            return Ok(None);
        }
    }
    Ok(Some(path))
}

/// Whether another entry's artifact is this one, lies in it, holds it, or leads through it by a
/// link: the artifact itself, a folder above it, or a link in it.
fn is_used_by(path: &Path, user: &Path) -> Result<bool> {
    let leads_through = |user: &Path| -> Result<bool> {
        let trail = trail(user)?;
        Ok(trail
            .iter()
            .any(|place| place.starts_with(path) || path.starts_with(place)))
    };
    if leads_through(user)? {
        return Ok(true);
    }
    if fs::metadata(user).is_ok_and(|metadata| metadata.is_dir()) {
        for link in links_below(user)? {
            if leads_through(&link)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
