use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::folder::create_own_folder;
use super::held_folder::HeldFolder;
use super::layout::Layout;
use super::listing::remove_tree;
use super::resolve::is_absence;
use crate::error::{CatalogError, Result};

/// Removes a file, a link (not its target), or a folder with its content. Succeeds if nothing is at
/// the path. No folder of the path may be a link. The removal is not synced. After a power cut, the
/// file may exist again, and the next collection removes it.
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

/// Moves artifacts into the folder `removed`. It opens a folder once for consecutive paths in that
/// folder.
pub(crate) struct MoverAside {
    into: PathBuf,
    held: Option<HeldFolder>,
}

impl MoverAside {
    /// Creates the mover, and the folder `removed` if it is missing.
    pub(crate) fn new(layout: &Layout) -> Result<Self> {
        let into = layout.removed();
        create_own_folder(layout, &into)?;
        Ok(Self { into, held: None })
    }

    /// Renames a file, link or folder into the folder `removed`, under an unused name. Returns its
    /// new path, or `None` if nothing is at the path. Removes the file at once, and also returns
    /// `None`, if it is on another file system or if the disk has no space for the new name.
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
