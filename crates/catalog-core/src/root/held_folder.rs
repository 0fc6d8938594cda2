use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use super::native::open_folder;
use super::resolve::is_absence;
use crate::error::{CatalogError, Result};

/// The open parent folder of a path. If `/proc` is mounted, all work is done in the opened folder,
/// and a link that replaces the folder later has no effect.
#[derive(Debug)]
pub(crate) struct HeldFolder {
    _folder: File,
    pub(super) path: PathBuf,
    /// The path through `/proc` to the opened folder. It is `None` if `/proc` is not mounted.
    through: Option<PathBuf>,
}

impl HeldFolder {
    /// Opens the parent folder of a path, if it exists. Returns an error if a folder of the path is a link.
    pub(crate) fn of(path: &Path) -> Result<Option<Self>> {
        let path = path.parent().unwrap_or(path).to_path_buf();
        let folder = match open_folder(&path) {
            Ok(folder) => folder,
            // This includes a file at the place of a parent folder.
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(CatalogError::io("open folder", path, error)),
        };
        let through = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        let (real, through) = match fs::read_link(&through) {
            Ok(real) => (Ok(real), Some(through)),
            Err(_) => (fs::canonicalize(&path), None),
        };
        if !real.is_ok_and(|real| real == path) {
            let error = io::Error::other("it was moved or replaced by a link during the call");
            return Err(CatalogError::io("use the folder", path, error));
        }
        Ok(Some(Self {
            _folder: folder,
            path,
            through,
        }))
    }

    /// Returns the path of the same name in the opened folder.
    pub(crate) fn reach(&self, path: &Path) -> Result<PathBuf> {
        match (path.file_name(), &self.through) {
            (Some(name), Some(through)) => Ok(through.join(name)),
            (Some(_), None) => Ok(path.to_path_buf()),
            (None, _) => {
                let error = io::Error::new(io::ErrorKind::InvalidInput, "it has no name");
                Err(CatalogError::io("use", path, error))
            }
        }
    }
}
