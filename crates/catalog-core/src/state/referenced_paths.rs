use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{CatalogError, Result};
use crate::root::{Layout, Placement, StoreRoot, links_below, remove_artifact, trail};

/// Removes the artifact of a deleted entry, if it lies below the root and none of `users`, the
/// stored paths of all other entries, has a part in it.
///
/// # Errors
///
/// [`CatalogError::ArtifactKept`] if it should be gone but is not.
pub(crate) fn reclaim_unshared<P: AsRef<Path>>(
    root: &StoreRoot,
    id: &str,
    stored: &Path,
    users: impl IntoIterator<Item = Result<P>>,
) -> Result<()> {
    if stored.is_absolute() {
        return Ok(());
    }
    let path = root.absolute(stored);
    let removable =
        ReferencedPaths::of(root, users).and_then(|places| places.removable(root, &path));
    let removed = match removable {
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

/// Every place that the artifacts of entries depend on: where they lie, and the links on the way
/// there and in them.
#[derive(Debug)]
pub(crate) struct ReferencedPaths(BTreeSet<PathBuf>);

impl ReferencedPaths {
    /// Of these stored paths. One that cannot be read is an error: what it needs is unknown.
    pub(crate) fn of<P: AsRef<Path>>(
        root: &StoreRoot,
        users: impl IntoIterator<Item = Result<P>>,
    ) -> Result<Self> {
        let mut places = BTreeSet::new();
        for user in users {
            let user = user?;
            // The store makes no links in its own folders.
            if let Some(key) = Layout::key_of(user.as_ref()) {
                places.insert(root.layout().artifact(key).path().to_path_buf());
                continue;
            }
            let user = root.absolute(user.as_ref());
            places.extend(trail(&user)?);
            if fs::metadata(&user).is_ok_and(|metadata| metadata.is_dir()) {
                for link in links_below(&user)? {
                    places.extend(trail(&link)?);
                }
            }
        }
        Ok(Self(places))
    }

    /// What is to be removed for the artifact at a path; none if it lies outside of the root or is
    /// in use.
    pub(crate) fn removable(&self, root: &StoreRoot, path: &Path) -> Result<Option<PathBuf>> {
        // Looked at again: since the entry was stored, a folder above it may have become a link.
        let path = match root.place(path)? {
            Placement::Inside(relative) => root.absolute(&relative),
            Placement::Outside(_) => return Ok(None),
        };
        Ok(self.is_free(&path).then_some(path))
    }

    /// Whether no place in use is this one, lies in it, or is a folder around it.
    pub(crate) fn is_free(&self, path: &Path) -> bool {
        // Paths are ordered part by part, so what lies in a folder comes right behind it.
        let next = self.0.range(path.to_path_buf()..).next();
        let is_used = next.is_some_and(|place| place.starts_with(path))
            || path.ancestors().any(|above| self.0.contains(above));
        if is_used {
            tracing::info!(path = %path.display(), "artifact kept: another entry uses it");
        }
        !is_used
    }
}
