use std::borrow::Cow;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::folder::{create_root, sync_folder};
use super::layout::{IndexFile, Layout};
use super::resolve::{LastLink, is_absence, is_folder, resolve, resolve_both};
use super::stamp::FileStamp;
use super::walk::find_folder;
use crate::error::{CatalogError, PathProblem, Result};

/// The root folder of a store. It decides whether a path lies below it.
#[derive(Debug, Clone)]
pub(crate) struct StoreRoot {
    /// The path of the root: absolute, with every link resolved.
    path: PathBuf,
    /// The path as the caller spells it, made absolute. Its links are not resolved.
    spelled: PathBuf,
    /// The path by which the root is watched: the spelling of the caller if it leads to the root,
    /// else the resolved path.
    watched: PathBuf,
    /// The stamp of the opened folder, to notice that another folder took its place.
    stamp: FileStamp,
    layout: Layout,
}

/// The location of an artifact relative to a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Placement {
    /// The artifact is below the root. The path is relative to the root, and does not lead out of
    /// it.
    Inside(PathBuf),
    /// The artifact is anywhere else. The path is absolute. Files outside are never written or
    /// deleted.
    Outside(PathBuf),
}

impl StoreRoot {
    /// Opens a root. Creates the folder and its parents if they are missing.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if path.as_os_str().is_empty() {
            return Err(CatalogError::path_refused(path, PathProblem::Empty));
        }
        let spelled = std::path::absolute(path)
            .map_err(|error| CatalogError::io("find the folder of", path, error))?;
        // The path is resolved before any folder is created, so that `new/../root` creates only the
        // root.
        let path = resolve(&spelled, LastLink::Follow)?;
        create_root(&path)?;
        let metadata = path
            .metadata()
            .map_err(|error| CatalogError::io("look at", &path, error))?;
        let stamp = FileStamp::of(&metadata);
        let leads_there = spelled
            .metadata()
            .is_ok_and(|found| FileStamp::of(&found).is_same_file(&stamp));
        Ok(Self {
            layout: Layout::new(path.clone()),
            watched: match leads_there {
                true => spelled.clone(),
                false => path.clone(),
            },
            stamp,
            path,
            spelled,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the stamp that the root had when it was opened.
    pub(crate) fn stamp(&self) -> FileStamp {
        self.stamp
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Fails if the opened folder is no longer at its path. In that case a missing file below the
    /// path proves nothing, and a write would change another folder.
    pub(crate) fn check_present(&self) -> Result<()> {
        // A link on the path to the root may lead to another folder now.
        for path in [&self.path, &self.watched] {
            match path.metadata() {
                Ok(now) if FileStamp::of(&now).is_same_file(&self.stamp) => {}
                Ok(_) => return Err(self.changed()),
                Err(error) if is_absence(&error) => return Err(self.changed()),
                Err(error) => return Err(CatalogError::io("look at", path, error)),
            }
            if self.path == self.watched {
                break;
            }
        }
        Ok(())
    }

    /// Returns the path by which an index is watched. A check of this path notices that a link on
    /// the path leads to another folder now.
    pub(crate) fn watched_index(&self, file: IndexFile) -> PathBuf {
        self.watched.join(file.name())
    }

    /// Makes the name of the root durable in its parent folder, because the process that created
    /// the root may have died before it did so. A parent folder that this account cannot read is
    /// not synced.
    pub(crate) fn sync_own_name(&self) -> Result<()> {
        let Some(above) = self.path.parent() else {
            return Ok(());
        };
        match sync_folder(above) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced.map_err(|error| CatalogError::io("sync folder", above, error)),
        }
    }

    fn changed(&self) -> CatalogError {
        CatalogError::RootChanged {
            root: self.path.clone(),
        }
    }

    /// Returns the absolute path of a stored path. A stored path is absolute, or relative to the
    /// root.
    pub(crate) fn absolute(&self, stored: &Path) -> PathBuf {
        if stored.is_absolute() {
            return stored.to_path_buf();
        }
        // The path is allocated once with its final length, because each entry of a list has such a
        // path.
        let len = self.path.as_os_str().len() + 1 + stored.as_os_str().len();
        let mut path = PathBuf::with_capacity(len);
        path.push(&self.path);
        path.push(stored);
        path
    }

    /// Returns the stored form of a path that a file of the store has. The form depends on the text
    /// of the path only. It is relative for a path below the root. Returns `None` for a path that
    /// leaves the root, and for a file of the store itself.
    pub(crate) fn stored_form<'p>(&self, path: &'p str) -> Option<Cow<'p, str>> {
        let other_spelling =
            (self.spelled.as_os_str() != self.path.as_os_str()).then_some(&self.spelled);
        let below = std::iter::once(&self.path)
            .chain(other_spelling)
            .find_map(|root| Path::new(path).strip_prefix(root).ok()?.to_str());
        let plain = plain_spelling(below.unwrap_or(path))?;
        let named = Path::new(&*plain);
        let is_the_stores = named.is_relative() && Layout::is_store_file(named);
        let may_be_above = plain.len() <= self.path.as_os_str().len();
        if plain.is_empty() || is_the_stores || (may_be_above && self.path.starts_with(named)) {
            return None;
        }
        Some(plain)
    }

    /// Returns the location of a path. A relative path is relative to the root.
    ///
    /// # Errors
    ///
    /// [`CatalogError::PathRefused`] for a path that is spelled as a path below the root but leads
    /// out of it. It also comes for the root, for the folders above it, and for the files of the
    /// store itself, in any spelling.
    pub(crate) fn place(&self, path: &Path) -> Result<Placement> {
        let refuse = |problem| Err(CatalogError::path_refused(path, problem));
        match path.to_str() {
            Some("") => return refuse(PathProblem::Empty),
            Some(text) if !text.contains('\0') => {}
            _ => return refuse(PathProblem::NotText),
        }
        let joined = self.absolute(path);
        let (named, target) = resolve_both(&joined)?;
        let (named, target) = (self.by_own_path(named), self.by_own_path(target));
        for end in [&named, &target] {
            if self.path.starts_with(end) {
                let root = self.path.clone();
                return refuse(PathProblem::HoldsRoot { root });
            }
            if end
                .strip_prefix(&self.path)
                .is_ok_and(Layout::is_store_file)
            {
                let root = self.path.clone();
                return refuse(PathProblem::StoreFile { root });
            }
        }
        let inside = named.strip_prefix(&self.path).ok();
        match inside {
            Some(relative) if target.starts_with(&self.path) => match self.other_store(&named)? {
                None => Ok(Placement::Inside(relative.to_path_buf())),
                Some(store) => refuse(PathProblem::OtherStore { store }),
            },
            None if !self.is_spelled_below(path) => Ok(Placement::Outside(named)),
            _ => refuse(PathProblem::Escape {
                root: self.path.clone(),
                target,
            }),
        }
    }

    /// Rewrites a path that leads below the root through another mount, so that it begins with the
    /// path of the root. Other paths are returned unchanged.
    fn by_own_path(&self, path: PathBuf) -> PathBuf {
        if path.starts_with(&self.path) {
            return path;
        }
        let is_root = |folder: &&Path| {
            folder
                .metadata()
                .is_ok_and(|found| FileStamp::of(&found).is_same_file(&self.stamp))
        };
        let relative = path
            .ancestors()
            .find(is_root)
            .and_then(|root| path.strip_prefix(root).ok());
        match relative {
            Some(relative) => self.path.join(relative),
            None => path,
        }
    }

    /// Returns the root of another store, if there is one: at a path below this root, below that
    /// path, or between the path and this root.
    fn other_store(&self, path: &Path) -> Result<Option<PathBuf>> {
        let above = path.ancestors().take_while(|folder| **folder != self.path);
        for folder in above {
            if Layout::is_root_of_a_store(folder)? {
                return Ok(Some(folder.to_path_buf()));
            }
        }
        match is_folder(path)? && !path.is_symlink() {
            true => find_folder(path, Layout::is_root_of_a_store),
            false => Ok(None),
        }
    }

    fn is_spelled_below(&self, path: &Path) -> bool {
        path.is_relative() || path.starts_with(&self.path) || path.starts_with(&self.spelled)
    }
}

/// Returns a path without `.` and repeated slashes, or `None` if it has a `..`.
fn plain_spelling(path: &str) -> Option<Cow<'_, str>> {
    let mut is_plain = true;
    for part in path.strip_prefix('/').unwrap_or(path).split('/') {
        match part {
            ".." => return None,
            "." | "" => is_plain = false,
            _ => {}
        }
    }
    if is_plain {
        return Some(Cow::Borrowed(path));
    }
    let parts = Path::new(path).components();
    let plain: PathBuf = parts.filter(|part| *part != Component::CurDir).collect();
    plain.to_str().map(|text| Cow::Owned(text.to_owned()))
}
