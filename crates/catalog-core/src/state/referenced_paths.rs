use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::{CatalogError, Result};
use crate::root::{Layout, Placement, StoreRoot, links_below, remove_artifact, trail};

/// The stored path of an entry, and its reach.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reference<'p> {
    pub(crate) stored: &'p str,
    pub(crate) reach: Reach,
}

/// The reach of a path: whether other paths can depend on it through links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The path led to a regular file, and through no link, when its entry was stored.
    Itself,
    /// The path may lead through links, or may be a folder with links in it.
    ThroughLinks,
}

/// A record whose entry needs the artifacts at some stored paths.
pub(crate) trait Refers {
    fn references(&self) -> impl Iterator<Item = Reference<'_>>;
}

/// The candidates for artifacts that no entry needs, by their paths relative to the root. Each
/// reference is looked up in the sorted set, instead of being compared with every path.
#[derive(Debug, Default)]
pub(super) struct Unneeded {
    paths: BTreeSet<Vec<u8>>,
}

impl Unneeded {
    pub(super) fn insert(&mut self, relative: &Path) {
        self.paths.insert(relative.as_os_str().as_bytes().to_vec());
    }

    pub(super) fn contains(&self, relative: &Path) -> bool {
        self.paths.contains(relative.as_os_str().as_bytes())
    }

    /// Removes the candidates that a reference reaches. A reference reaches its own path, the paths
    /// in it, the folders around it, and the paths to which it leads through links.
    ///
    /// # Errors
    ///
    /// The I/O error of a reference that cannot be resolved: it may need any of the remaining
    /// artifacts.
    pub(super) fn retain_unreferenced<'p>(
        &mut self,
        root: &StoreRoot,
        references: impl Iterator<Item = Reference<'p>>,
    ) -> Result<()> {
        for reference in references {
            if self.paths.is_empty() {
                return Ok(());
            }
            let stored = Path::new(reference.stored);
            // The store makes no links in its own folders.
            if reference.reach == Reach::Itself || Layout::key_of(stored).is_some() {
                self.drop_touched(stored);
                continue;
            }
            for place in places_of(&root.absolute(stored))? {
                if let Ok(relative) = place.strip_prefix(root.path()) {
                    self.drop_touched(relative);
                }
            }
        }
        Ok(())
    }

    /// Removes the candidates that are at a path, in it or around it.
    fn drop_touched(&mut self, used: &Path) {
        if used.is_absolute() {
            return;
        }
        let used = used.as_os_str().as_bytes();
        let ends = used.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let around = ends.map(|(end, _)| &used[..end]);
        let lies_inside =
            |path: &&Vec<u8>| used.is_empty() || matches!(path.get(used.len()), None | Some(b'/'));
        let inside = self
            .paths
            .range::<[u8], _>((Bound::Included(used), Bound::Unbounded))
            .take_while(|path| path.starts_with(used))
            .filter(lies_inside);
        let touched: Vec<Vec<u8>> = around
            .filter(|path| self.paths.contains(*path))
            .map(<[u8]>::to_vec)
            .chain(inside.cloned())
            .collect();
        for path in touched {
            self.paths.remove(&path);
            let path = Path::new(OsStr::from_bytes(&path));
            tracing::info!(path = %path.display(), "artifact kept: another entry uses it");
        }
    }
}

/// Returns every place that a path depends on: the path itself, the links through which it leads,
/// and the links in its folder.
fn places_of(path: &Path) -> Result<Vec<PathBuf>> {
    let mut places = trail(path)?;
    if fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        for link in links_below(path)? {
            places.extend(trail(&link)?);
        }
    }
    Ok(places)
}

/// Returns the path to remove for a stored path, relative to the root. Returns `None` if the path
/// leads out of the root.
pub(super) fn removable(root: &StoreRoot, stored: &Path) -> Result<Option<PathBuf>> {
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
    // The path is resolved again, because a folder above it may have become a link since the entry
    // was stored.
    match root.place(&root.absolute(stored))? {
        Placement::Inside(relative) => Ok(Some(relative)),
        Placement::Outside(_) => Ok(None),
    }
}

/// Removes the artifact of a deleted entry at once, if the artifact lies below the root and no
/// other entry needs it. `users` are the stored paths of all other entries.
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
        let Some(relative) = removable(root, stored)? else {
            return Ok(());
        };
        let mut unneeded = Unneeded::default();
        unneeded.insert(&relative);
        let users = users.map(|stored| Reference {
            stored,
            reach: Reach::ThroughLinks,
        });
        unneeded.retain_unreferenced(root, users)?;
        match unneeded.contains(&relative) {
            true => remove_artifact(&root.absolute(&relative)),
            false => Ok(()),
        }
    };
    remove().map_err(|error| CatalogError::ArtifactKept {
        id: id.to_owned(),
        path: root.absolute(stored),
        source: Box::new(error),
    })
}
