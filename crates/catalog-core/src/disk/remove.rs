use std::fs;
use std::io;
use std::path::Path;

use super::folder::sync_folder;
use crate::error::{CatalogError, Result};

/// Removes a file, a link (never what it points to) or a folder with all in it, durably.
/// Nothing there is success.
pub(crate) fn remove_artifact(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(CatalogError::io("remove", path, error)),
    }
    let folder = path.parent().unwrap_or(path);
    sync_folder(folder).map_err(|error| CatalogError::io("sync folder", folder, error))
}
