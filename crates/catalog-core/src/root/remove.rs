use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::folder::create_own_folder;
use super::layout::Layout;
use super::listing::remove_tree;
use super::resolve::is_absence;
use crate::error::{CatalogError, Result};

/// Removes a file, a link (never its target) or a folder with all in it. Succeeds if nothing is
/// there. The path has no links in its folders. The removal is not synced: after a power cut the file
/// may be there again, and the next collection removes it.
pub(crate) fn remove_artifact(path: &Path) -> Result<()> {
    let Some(held) = HeldFolder::of(path)? else {
        return Ok(());
    };
    let reached = held.reach(path)?;
    let removed = match fs::symlink_metadata(&reached) {
        Ok(metadata) if metadata.is_dir() => remove_tree(&reached),
        Ok(_) => fs::remove_file(&reached),
        Err(error) => Err(error),
    };
    match removed {
        Ok(()) => Ok(()),
        Err(error) if is_absence(&error) => Ok(()),
        Err(error) => Err(CatalogError::io("remove", path, error)),
    }
}

/// Moves artifacts into the folder `removed`. Paths that follow each other and lie in one folder need
/// one look at that folder.
pub(crate) struct MoverAside {
    into: PathBuf,
    held: Option<HeldFolder>,
}

impl MoverAside {
    /// Creates the folder as needed.
    pub(crate) fn new(layout: &Layout) -> Result<Self> {
        let into = layout.removed();
        create_own_folder(layout, &into)?;
        Ok(Self { into, held: None })
    }

    /// Renames a file, link or folder into the folder, under an unused name. Returns its new path, or
    /// `None` if nothing is there. A path that cannot be renamed, as it lies on another file system or as
    /// the disk has no room for a name, is removed at once.
    pub(crate) fn move_aside(&mut self, path: &Path) -> Result<Option<PathBuf>> {
        let last = self.held.take();
        let same = last.filter(|held| Some(&*held.path) == path.parent());
        let held = match same {
            Some(held) => Some(held),
            None => HeldFolder::of(path)?,
        };
        let Some(held) = held else {
            return Ok(None);
        };
        let reached = self.held.insert(held).reach(path)?;
        let metadata = match fs::symlink_metadata(&reached) {
            Ok(metadata) => metadata,
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(CatalogError::io("look at", path, error)),
        };
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let unique = since.unwrap_or_default().as_nanos();
        let aside = self.into.join(format!("{}-{unique}", metadata.ino()));
        match fs::rename(&reached, &aside) {
            Ok(()) => Ok(Some(aside)),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::CrossesDevices
                        | io::ErrorKind::StorageFull
                        | io::ErrorKind::QuotaExceeded
                ) =>
            {
                remove_artifact(path).map(|()| None)
            }
            Err(error) => Err(CatalogError::io("move aside", path, error)),
        }
    }
}

/// The folder of a path, held open. If `/proc` is mounted, all work is done in the folder that was
/// opened, and a link that takes its place later has no effect.
struct HeldFolder {
    _folder: File,
    path: PathBuf,
    /// The path that leads to the opened folder, unless `/proc` is not mounted.
    through: Option<PathBuf>,
}

impl HeldFolder {
    /// Opens the folder of a path, if it is there.
    fn of(path: &Path) -> Result<Option<Self>> {
        let path = path.parent().unwrap_or(path).to_path_buf();
        let folder = match File::open(&path) {
            Ok(folder) => folder,
            // Also if a file lies where a folder of the path was.
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(CatalogError::io("open folder", path, error)),
        };
        let through = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        let through = match fs::read_link(&through) {
            Ok(real) if real == path => Some(through),
            Ok(_) => {
                let error = io::Error::other("it was moved or replaced by a link meanwhile");
                return Err(CatalogError::io("remove from folder", path, error));
            }
            Err(_) => None,
        };
        Ok(Some(Self {
            _folder: folder,
            path,
            through,
        }))
    }

    /// Returns the path of the same name in the held folder.
    fn reach(&self, path: &Path) -> Result<PathBuf> {
        match (path.file_name(), &self.through) {
            (Some(name), Some(through)) => Ok(through.join(name)),
            (Some(_), None) => Ok(path.to_path_buf()),
            (None, _) => {
                let error = io::Error::new(io::ErrorKind::InvalidInput, "it has no name");
                Err(CatalogError::io("remove", path, error))
            }
        }
    }
}
