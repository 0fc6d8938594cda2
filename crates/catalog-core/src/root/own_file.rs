use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use super::foreign::not_a_regular_file;
use super::layout::Layout;
use super::modes::create_visible_file;
use super::stamp::FileStamp;
use crate::error::{CatalogError, Result};

/// Opens a file of the store, if it exists.
///
/// Refuses a symbolic link, pipe or device at its path. The path is checked before and after
/// opening, without following links, and must be the regular file that was opened.
pub(crate) fn open_own_file(path: &Path, options: &OpenOptions) -> Result<Option<File>> {
    loop {
        let before = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CatalogError::io("look at", path, error)),
        };
        if !before.is_file() {
            return Err(CatalogError::io("use", path, not_a_regular_file()));
        }
        let file = match options.open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(CatalogError::io("open", path, error)),
        };
        let opened = file
            .metadata()
            .map_err(|error| CatalogError::io("look at", path, error))?;
        // A writer replaced the file in between, or an attacker created a link. Check again.
        if FileStamp::of(&opened).is_same_file(&FileStamp::of(&before)) {
            return Ok(Some(file));
        }
    }
}

/// Opens a file of the store for reading, so that it can be locked, if it exists. Does not follow a
/// link, and does not wait for a pipe. The caller checks the opened file with [`is_at`].
#[cfg(feature = "native-fs")]
pub(crate) fn open_to_lock(path: &Path) -> Result<Option<File>> {
    match super::native::open_unfollowed(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if super::is_absence(&error) => Ok(None),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            Err(CatalogError::io("use", path, not_a_regular_file()))
        }
        Err(error) => Err(CatalogError::io("open", path, error)),
    }
}

#[cfg(not(feature = "native-fs"))]
pub(crate) fn open_to_lock(path: &Path) -> Result<Option<File>> {
    open_own_file(path, OpenOptions::new().read(true))
}

/// Opens a file of the store for reading and writing, like [`open_own_file`]. Creates an empty file
/// if there is none, but never through a link.
pub(crate) fn open_or_create_own_file(layout: &Layout, path: &Path) -> Result<File> {
    let options = OpenOptions::new().read(true).write(true).clone();
    loop {
        if let Some(file) = open_own_file(path, &options)? {
            return Ok(file);
        }
        match create_visible_file(layout, path) {
            Ok(file) => return Ok(file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(CatalogError::io("create", path, error)),
        }
    }
}

/// Returns true if an open file is the regular file at a path.
pub(crate) fn is_at(file: &File, path: &Path) -> Result<bool> {
    let failed = |error| CatalogError::io("look at", path, error);
    let held = file.metadata().map_err(failed)?;
    if !held.is_file() {
        return Err(CatalogError::io("use", path, not_a_regular_file()));
    }
    let held = FileStamp::of(&held);
    match fs::symlink_metadata(path) {
        Ok(now) => Ok(FileStamp::of(&now).is_same_file(&held)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(error)),
    }
}
