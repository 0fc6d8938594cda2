use std::fs;
use std::path::Path;

use crate::disk::{LastLink, Placement, StoreRoot, remove_artifact, resolve};
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
    remove_unless_used(root, &path, users).map_err(|error| CatalogError::ArtifactKept {
        id: id.to_owned(),
        path,
        source: Box::new(error),
    })
}

fn remove_unless_used<P: AsRef<Path>>(
    root: &StoreRoot,
    path: &Path,
    users: impl IntoIterator<Item = Result<P>>,
) -> Result<()> {
    // Looked at again: since the entry was stored, a folder above it may have become a link out.
    if let Placement::Outside(_) = root.place(path)? {
        return Ok(());
    }
    for user in users {
        if is_used_by(path, &root.absolute(user?.as_ref()))? {
            return Ok(());
        }
    }
    remove_artifact(path)
}

/// Whether another entry's artifact is this one, lies in it, holds it, or is a link to any such.
fn is_used_by(path: &Path, user: &Path) -> Result<bool> {
    let overlaps = |user: &Path| user.starts_with(path) || path.starts_with(user);
    if overlaps(user) {
        return Ok(true);
    }
    let is_link = fs::symlink_metadata(user).is_ok_and(|metadata| metadata.is_symlink());
    Ok(is_link && overlaps(&resolve(user, LastLink::Follow)?))
}
