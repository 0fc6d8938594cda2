use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use super::folder::sync_folder;
use super::listing::remove_tree;
use crate::error::{CatalogError, Result};

/// Removes a file, a link (never what it points to) or a folder with all in it, durably. Nothing
/// there is success. The path has no links in its folders.
///
/// Where there is `/proc`, the folder is held open and looked at once more, and the removal goes
/// through what is held: whoever puts a link in the place of a folder meanwhile leads it nowhere.
pub(crate) fn remove_artifact(path: &Path) -> Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "it has no folder or no name");
        return Err(CatalogError::io("remove", path, error));
    };
    let held = match File::open(folder) {
        Ok(held) => held,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(CatalogError::io("open folder", folder, error)),
    };
    let through = PathBuf::from(format!("/proc/self/fd/{}", held.as_raw_fd()));
    let reached = match fs::read_link(&through) {
        Ok(real) if real == folder => through.join(name),
        Ok(_) => {
            let error = io::Error::other("its folder was moved or replaced by a link meanwhile");
            return Err(CatalogError::io("remove", path, error));
        }
        Err(_) => path.to_path_buf(),
    };
    let removed = match fs::symlink_metadata(&reached) {
        Ok(metadata) if metadata.is_dir() => remove_tree(&reached),
        Ok(_) => fs::remove_file(&reached),
        Err(error) => Err(error),
    };
    match removed {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(CatalogError::io("remove", path, error)),
    }
    sync_folder(folder).map_err(|error| CatalogError::io("sync folder", folder, error))
}
