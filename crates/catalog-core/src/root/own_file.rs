use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use super::stamp::FileStamp;
use crate::error::{CatalogError, Result};

/// Opens a file of the store's own, or tells that there is none.
///
/// A symbolic link, pipe or device planted at its path is refused: the name is looked at without
/// following it, before and after opening, and must be the regular file that was opened.
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
        // Else a writer replaced the file in between, or somebody planted a link: look again.
        if FileStamp::of(&opened).is_same_file(&FileStamp::of(&before)) {
            return Ok(Some(file));
        }
    }
}

/// [`open_own_file`], creating an empty one where there is none, never through a link.
pub(crate) fn open_or_create_own_file(path: &Path, options: &OpenOptions) -> Result<File> {
    loop {
        if let Some(file) = open_own_file(path, options)? {
            return Ok(file);
        }
        match options.clone().create_new(true).open(path) {
            Ok(file) => return Ok(file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(CatalogError::io("create", path, error)),
        }
    }
}

/// Whether an open file is the one at a path.
pub(crate) fn is_at(file: &File, path: &Path) -> Result<bool> {
    let failed = |error| CatalogError::io("look at", path, error);
    let held = FileStamp::of(&file.metadata().map_err(failed)?);
    match fs::symlink_metadata(path) {
        Ok(now) => Ok(FileStamp::of(&now).is_same_file(&held)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

fn not_a_regular_file() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is a link, folder, pipe or device where the store keeps a regular file; remove it",
    )
}
