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
    /// Absolute, with every link resolved.
    path: PathBuf,
    /// The path as the caller spells it: absolute, with its links.
    spelled: PathBuf,
    /// The path by which the root is watched: as its user spells it, if that leads there.
    watched: PathBuf,
    /// The stamp of the folder that was opened, to notice if another folder takes its place.
    stamp: FileStamp,
    layout: Layout,
}

/// The place of an artifact relative to a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Placement {
    /// A place below the root; the path is relative to it and leads nowhere else.
    Inside(PathBuf),
    /// Any other place; the path is absolute. Such files are never written or deleted.
    Outside(PathBuf),
}

impl StoreRoot {
    /// Opens a root, creating the folder and those above it as needed.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if path.as_os_str().is_empty() {
            return Err(CatalogError::path_refused(path, PathProblem::Empty));
        }
        let spelled = std::path::absolute(path)
            .map_err(|error| CatalogError::io("find the folder of", path, error))?;
        // Before anything is created, so that `new/../root` creates nothing but the root.
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

    /// Returns the stamp of the root from when it was opened.
    pub(crate) fn stamp(&self) -> FileStamp {
        self.stamp
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Fails if the folder that was opened is no longer at its path. Then a missing file below it
    /// proves nothing, and a write would change another folder.
    pub(crate) fn check_present(&self) -> Result<()> {
        // A link that leads to the root may have been pointed elsewhere.
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

    /// Returns the path by which an index is watched: a look at it notices that a link on the way
    /// leads elsewhere now.
    pub(crate) fn watched_index(&self, file: IndexFile) -> PathBuf {
        self.watched.join(file.name())
    }

    /// Makes the name of the root durable in the folder above it: another process may have created
    /// the root and died. A folder that only others may read cannot be synced.
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

    /// Returns the absolute path of a stored path, which is absolute or relative to the root.
    pub(crate) fn absolute(&self, stored: &Path) -> PathBuf {
        if stored.is_absolute() {
            return stored.to_path_buf();
        }
        // Of its final length at once, as every entry of a list has such a path.
        let len = self.path.as_os_str().len() + 1 + stored.as_os_str().len();
        let mut path = PathBuf::with_capacity(len);
        path.push(&self.path);
        path.push(stored);
        path
    }

    /// Returns the stored form of a path from a file of the store, by its text alone: relative if
    /// it is below the root. Returns `None` for a path that leaves the root or names a file of the
    /// store.
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

    /// Returns the place of a path; a relative one means relative to the root.
    ///
    /// # Errors
    ///
    /// [`CatalogError::PathRefused`] for a path that is spelled as below the root but leaves it,
    /// and for the root, folders around it and the store's own files, however they are spelled.
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

    /// Rewrites a path that leads below the root through another mount of it, so that it begins
    /// with the root's own path. Other paths stay as they are.
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

    /// Finds the root of another store at a path below this root, above that path or in it.
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
