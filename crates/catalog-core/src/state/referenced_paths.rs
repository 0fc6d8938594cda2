use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{CatalogError, Result};
use crate::root::{Layout, Placement, StoreRoot, links_below, remove_artifact, trail};

/// The stored path of an entry, and its reach.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reference<'p> {
    pub(crate) stored: &'p str,
    pub(crate) reach: Reach,
}

/// The reach of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The path led to a regular file without any link on its way when its entry was stored.
    Itself,
    /// The path may lead through links, or be a folder with links in it.
    ThroughLinks,
}

/// Removes the candidates that a reference reaches. Candidates are paths relative to the root. A
/// reference reaches its own path, paths in it and around it, and those to which it leads through
/// links.
///
/// # Errors
///
/// The error of a reference that cannot be resolved: it may need any of the candidates.
pub(crate) fn retain_unreferenced<'p>(
    root: &StoreRoot,
    candidates: &mut Vec<PathBuf>,
    references: impl Iterator<Item = Reference<'p>>,
) -> Result<()> {
    for reference in references {
        if candidates.is_empty() {
            return Ok(());
        }
        let stored = Path::new(reference.stored);
        // The store makes no links in its own folders.
        if reference.reach == Reach::Itself || Layout::key_of(stored).is_some() {
            drop_touched(candidates, reference.stored);
            continue;
        }
        for place in places_of(&root.absolute(stored))? {
            if let Some(relative) = place.strip_prefix(root.path()).ok().and_then(Path::to_str) {
                drop_touched(candidates, relative);
            }
        }
    }
    Ok(())
}

fn drop_touched(candidates: &mut Vec<PathBuf>, used: &str) {
    candidates.retain(|candidate| {
        let is_used = candidate.to_str().is_some_and(|path| touch(path, used));
        if is_used {
            tracing::info!(path = %candidate.display(), "artifact kept: another entry uses it");
        }
        !is_used
    });
}

/// Whether two paths in their plain spelling are one, or one lies in the other.
fn touch(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    long.strip_prefix(short)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || short.is_empty())
}

/// Returns every place that a path depends on: its own, the links on its way, and those in its
/// folder.
fn places_of(path: &Path) -> Result<Vec<PathBuf>> {
    let mut places = trail(path)?;
    if fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        for link in links_below(path)? {
            places.extend(trail(&link)?);
        }
    }
    Ok(places)
}

/// Returns the path to remove for a stored path, relative to the root. Returns `None` if it leads
/// out of the root by now.
pub(crate) fn removable(root: &StoreRoot, stored: &Path) -> Result<Option<PathBuf>> {
    if let Some(key) = Layout::key_of(stored) {
        let folder = root.layout().artifact(key);
        return Ok(folder
            .path()
            .strip_prefix(root.path())
            .ok()
            .map(Path::to_path_buf));
    }
    if stored.is_absolute() {
        return Ok(None);
    }
    // Looked at again: since the entry was stored, a folder above it may have become a link.
    match root.place(&root.absolute(stored))? {
        Placement::Inside(relative) => Ok(Some(relative)),
        Placement::Outside(_) => Ok(None),
    }
}

/// Removes the artifact of a deleted entry at once, if it lies below the root and none of `users`,
/// the stored paths of all other entries, needs it. For the catalogs in memory.
///
/// # Errors
///
/// [`CatalogError::ArtifactKept`] if the artifact could not be removed.
pub(crate) fn remove_unreferenced<'p>(
    root: &StoreRoot,
    id: &str,
    stored: &Path,
    users: impl Iterator<Item = &'p str>,
) -> Result<()> {
    let remove = || -> Result<()> {
        let mut candidates: Vec<PathBuf> = removable(root, stored)?.into_iter().collect();
        let users = users.map(|stored| Reference {
            stored,
            reach: Reach::ThroughLinks,
        });
        retain_unreferenced(root, &mut candidates, users)?;
        candidates
            .iter()
            .try_for_each(|relative| remove_artifact(&root.absolute(relative)))
    };
    remove().map_err(|error| CatalogError::ArtifactKept {
        id: id.to_owned(),
        path: root.absolute(stored),
        source: Box::new(error),
    })
}
