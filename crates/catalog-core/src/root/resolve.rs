use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::error::{CatalogError, Result};

/// The maximum number of symbolic links that Linux follows in one path.
const MAX_LINKS: usize = 40;

/// The treatment of a symbolic link that is the last part of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastLink {
    /// Keep the link: its name has the extension and the shard number that engines read.
    Keep,
    /// Follow the link to its target.
    Follow,
}

/// Makes a path absolute, and resolves `.`, `..` and the symbolic links of its folders as the
/// kernel would. So each file has one path.
///
/// The path need not exist. After its first missing part, `..` is resolved by the text.
pub(crate) fn resolve(path: &Path, last: LastLink) -> Result<PathBuf> {
    Ok(walk(path, last)?.0)
}

/// Resolves a path like [`resolve`], once with its last link kept and once with its last link
/// followed.
pub(super) fn resolve_both(path: &Path) -> Result<(PathBuf, PathBuf)> {
    let named = walk(path, LastLink::Keep)?.0;
    let target = match fs::symlink_metadata(&named) {
        Ok(metadata) if !metadata.is_symlink() => named.clone(),
        Err(error) if is_absence(&error) => named.clone(),
        _ => walk(&named, LastLink::Follow)?.0,
    };
    Ok((named, target))
}

/// Returns each path that the target of a path depends on: the links on the way, the target, and
/// the path itself. All except the path itself are resolved like the result of [`resolve`].
pub(crate) fn trail(path: &Path) -> Result<Vec<PathBuf>> {
    let (end, mut trail) = walk(path, LastLink::Follow)?;
    trail.push(end);
    trail.push(path.to_path_buf());
    Ok(trail)
}

/// Resolves a path. Also returns the links that it passed through.
fn walk(path: &Path, last: LastLink) -> Result<(PathBuf, Vec<PathBuf>)> {
    let mut resolved = if path.is_absolute() {
        PathBuf::from("/")
    } else {
        std::env::current_dir().map_err(|e| CatalogError::io("find the folder of", path, e))?
    };
    let mut parts: VecDeque<Part> = parts_of(path).collect();
    let mut links = Vec::new();
    while let Some(part) = parts.pop_front() {
        let name = match part {
            Part::Root => {
                resolved = PathBuf::from("/");
                continue;
            }
            Part::Up => {
                resolved.pop();
                continue;
            }
            Part::Name(name) => name,
        };
        let here = resolved.join(name);
        if parts.is_empty() && last == LastLink::Keep {
            return Ok((here, links));
        }
        match fs::symlink_metadata(&here) {
            Ok(metadata) if metadata.is_symlink() => {
                if links.len() == MAX_LINKS {
                    let error = io::Error::other("too many symbolic links, or a cycle of them");
                    return Err(CatalogError::io("resolve", path, error));
                }
                let target =
                    fs::read_link(&here).map_err(|e| CatalogError::io("read link", &here, e))?;
                for part in parts_of(&target).rev() {
                    parts.push_front(part);
                }
                links.push(here);
            }
            Ok(_) => resolved = here,
            Err(error) if is_absence(&error) => resolved = here,
            Err(error) => return Err(CatalogError::io("look at", &here, error)),
        }
    }
    Ok((resolved, links))
}

enum Part {
    Root,
    Up,
    Name(OsString),
}

fn parts_of(path: &Path) -> impl DoubleEndedIterator<Item = Part> + '_ {
    path.components().filter_map(|component| match component {
        Component::Prefix(_) | Component::CurDir => None,
        Component::RootDir => Some(Part::Root),
        Component::ParentDir => Some(Part::Up),
        Component::Normal(name) => Some(Part::Name(name.to_os_string())),
    })
}

/// Returns true if the error of a look-up only means that nothing is at the path.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Returns true if anything is at a path, including a link. Returns an error if the look-up fails,
/// because that does not prove that nothing is there.
pub(crate) fn is_there(path: &Path) -> Result<bool> {
    Ok(looked_at(path, fs::symlink_metadata(path))?.is_some())
}

/// Returns true if a file or folder is at a path. Follows links.
pub(crate) fn is_on_disk(path: &Path) -> Result<bool> {
    let found = looked_at(path, fs::metadata(path))?;
    Ok(found.is_some_and(|found| found.is_file() || found.is_dir()))
}

/// Returns true if a folder is at a path. Follows links.
pub(crate) fn is_folder(path: &Path) -> Result<bool> {
    let found = looked_at(path, fs::metadata(path))?;
    Ok(found.is_some_and(|found| found.is_dir()))
}

fn looked_at(path: &Path, look: io::Result<fs::Metadata>) -> Result<Option<fs::Metadata>> {
    match look {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(CatalogError::io("look at", path, error)),
    }
}
