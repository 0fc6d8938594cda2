use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::foreign::not_a_folder;
use super::listing::{EntryKind, list};
use super::resolve::is_folder;
use super::stamp::FileStamp;
use crate::error::{CatalogError, Result};

/// A regular file found below a folder.
#[derive(Debug, Clone)]
pub(crate) struct FoundFile {
    /// The name relative to the folder; its parts are joined by `/`.
    pub(crate) name: String,
    /// The path to open.
    pub(crate) path: PathBuf,
    /// The stamp of the file. For a link it is the stamp of the target.
    pub(crate) stamp: FileStamp,
}

impl FoundFile {
    /// Returns true if both have the same name and are the same file with the same content. The
    /// file is not read: see [`FileStamp::is_same_content`].
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.stamp.is_same_content(&other.stamp)
    }
}

/// Lists all links below a folder.
pub(crate) fn links_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut links = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for (path, kind) in list_folder(&folder)? {
            if kind.is_symlink() {
                links.push(path);
            } else if kind.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(links)
}

/// Returns the first folder, among `folder` and those below it, for which `is_so` returns true.
pub(crate) fn find_folder(
    folder: &Path,
    is_so: impl Fn(&Path) -> Result<bool>,
) -> Result<Option<PathBuf>> {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if is_so(&folder)? {
            return Ok(Some(folder));
        }
        let entries = list_folder(&folder)?;
        folders.extend(
            entries
                .into_iter()
                .filter(|(_, kind)| kind.is_dir())
                .map(|(path, _)| path),
        );
    }
    Ok(None)
}

/// Lists the entries of a folder, without those of its subfolders. A folder that does not exist, or
/// that another process removes in the meantime, has no entries. A link that leads nowhere is an
/// error.
pub(crate) fn list_folder(folder: &Path) -> Result<Vec<(PathBuf, EntryKind)>> {
    match list(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.is_symlink() => {
            Ok(Vec::new())
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(CatalogError::io("use", folder, not_a_folder()))
        }
        listed => listed
            .map(|entries| below(folder, entries))
            .map_err(|error| CatalogError::io("read folder", folder, error)),
    }
}

/// Syncs a file, or all files of a folder. Follows links.
pub(crate) fn sync_files(path: &Path) -> Result<()> {
    if !is_folder(path)? {
        return sync_file(path);
    }
    let files = list_files(path, |_| true, Links::Follow)?;
    files.iter().try_for_each(|file| sync_file(&file.path))
}

/// Syncs a regular file. On a file system that cannot sync (squashfs, erofs) there is nothing to
/// write.
pub(crate) fn sync_file(path: &Path) -> Result<()> {
    use io::ErrorKind::{InvalidInput, Unsupported};
    match fs::File::open(path).and_then(|file| file.sync_data()) {
        Err(error) if !matches!(error.kind(), InvalidInput | Unsupported) => {
            Err(CatalogError::io("sync", path, error))
        }
        _ => Ok(()),
    }
}

/// The number of files up to which they are synced one after the other.
const FEW: usize = 16;

/// The number of threads that sync many files. A file system writes the changes of concurrent syncs
/// together.
const SYNCING: usize = 8;

/// Makes the bytes and the metadata of files durable.
pub(crate) fn sync_each(paths: &[PathBuf]) -> Result<()> {
    let sync = |path: &PathBuf| {
        let synced = fs::File::open(path).and_then(|file| file.sync_all());
        synced.map_err(|error| CatalogError::io("make durable", path, error))
    };
    if paths.len() <= FEW {
        return paths.iter().try_for_each(sync);
    }
    let next = AtomicUsize::new(0);
    let sync_some = || {
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            sync(path)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        // Without further threads, this thread syncs all files.
        let helpers: Vec<_> = (1..SYNCING)
            .filter_map(|_| thread::Builder::new().spawn_scoped(scope, sync_some).ok())
            .collect();
        let own = sync_some();
        helpers
            .into_iter()
            .fold(own, |so_far, helper| match helper.join() {
                Ok(synced) => so_far.and(synced),
                Err(panic) => std::panic::resume_unwind(panic),
            })
    })
}

fn entries_of(folder: &Path) -> Result<Vec<(PathBuf, EntryKind)>> {
    list(folder)
        .map(|entries| below(folder, entries))
        .map_err(|error| CatalogError::io("read folder", folder, error))
}

fn below(folder: &Path, entries: Vec<(OsString, EntryKind)>) -> Vec<(PathBuf, EntryKind)> {
    let entries = entries.into_iter();
    entries
        .map(|(name, kind)| (folder.join(name), kind))
        .collect()
}

/// The maximum number of folders between the folder of a model and a file in it.
pub(crate) const MAX_DEPTH: usize = 64;

/// The treatment of symbolic links to files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// A link counts as the file that it leads to, under the name of the link.
    Follow,
    /// A link is an error.
    Refuse,
}

/// Lists the files below a folder, sorted by the bytes of their names. `is_wanted` selects the
/// files and folders by their relative names.
///
/// These are errors, because no copy of the folder could represent them: a link to a folder, a
/// dangling link, a socket or device, a name that is not UTF-8, and a folder below more than
/// [`MAX_DEPTH`] others. If a file vanishes in the meantime, the folder is listed again.
pub(crate) fn list_files(
    folder: &Path,
    is_wanted: impl Fn(&str) -> bool,
    links: Links,
) -> Result<Vec<FoundFile>> {
    /// The number of listings after which a folder with vanishing files is an error.
    const ATTEMPTS: usize = 5;
    let mut listed = list_once(folder, &is_wanted, links);
    for _ in 1..ATTEMPTS {
        match &listed {
            Err(CatalogError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && folder.is_dir() => {}
            _ => break,
        }
        listed = list_once(folder, &is_wanted, links);
    }
    listed
}

fn list_once(
    folder: &Path,
    is_wanted: &dyn Fn(&str) -> bool,
    links: Links,
) -> Result<Vec<FoundFile>> {
    let mut found = Vec::new();
    let mut folders = vec![(String::new(), folder.to_path_buf())];
    while let Some((prefix, folder)) = folders.pop() {
        for (path, kind) in entries_of(&folder)? {
            let unusable = |found| CatalogError::ArtifactUnusable {
                path: path.clone(),
                found,
            };
            let name = match path.file_name().and_then(|name| name.to_str()) {
                Some(name) => format!("{prefix}{name}"),
                None => return Err(unusable("a name that is not UTF-8")),
            };
            if !is_wanted(&name) {
                continue;
            }
            if kind.is_dir() {
                if name.matches('/').count() >= MAX_DEPTH {
                    return Err(unusable("a folder below more than 64 others"));
                }
                folders.push((format!("{name}/"), path));
                continue;
            }
            if kind.is_symlink() && links == Links::Refuse {
                return Err(unusable("a symbolic link"));
            }
            let metadata = match fs::metadata(&path) {
                Ok(metadata) => metadata,
                Err(_) if kind.is_symlink() => {
                    return Err(unusable("a symbolic link that leads to nothing readable"));
                }
                Err(error) => return Err(CatalogError::io("look at", &path, error)),
            };
            if metadata.is_dir() {
                return Err(unusable("a symbolic link to a folder"));
            }
            if !metadata.is_file() {
                return Err(unusable("a socket, pipe or device"));
            }
            let stamp = FileStamp::of(&metadata);
            found.push(FoundFile { name, path, stamp });
        }
    }
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local! {
        /// The files that vanish when their names are listed.
        static VANISHING: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
    }

    fn make_vanish(name: &str) -> bool {
        VANISHING.with_borrow_mut(|paths| {
            if let Some(at) = paths.iter().position(|path| path.ends_with(name)) {
                let path = paths.remove(at);
                let removed = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
                removed.expect("it was there");
            }
        });
        true
    }

    /// CAT-445
    #[test]
    fn a_file_that_vanishes_during_a_listing_is_looked_up_again() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        for name in ["a", "b", "c"] {
            fs::write(folder.path().join(name), name).expect("it can be written");
        }
        fs::create_dir(folder.path().join("d")).expect("it can be made");
        VANISHING.set(
            ["a", "c", "d"]
                .map(|name| folder.path().join(name))
                .to_vec(),
        );
        let listed = list_files(folder.path(), make_vanish, Links::Refuse);
        let names: Vec<String> = listed
            .expect("the folder is there")
            .into_iter()
            .map(|file| file.name)
            .collect();
        assert_eq!(names, ["b"]);

        let gone = list_files(&folder.path().join("d"), |_| true, Links::Refuse);
        assert!(gone.is_err_and(|error| error.is_absence()));
    }
}
