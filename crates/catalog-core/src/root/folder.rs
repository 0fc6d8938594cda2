use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::foreign::not_a_folder;
use super::layout::Layout;
use super::modes::create_folder;
use crate::error::{CatalogError, Result};

/// Makes the names in a folder durable: all that were created, renamed or removed in it before.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Creates a folder of the store's own, and refuses a link or anything else planted at its path. Those
/// above it up to the root are created, too.
pub(crate) fn create_own_folder(layout: &Layout, folder: &Path) -> Result<()> {
    create_durably(folder, &|folder| create_folder(layout, folder)).map_err(
        |error| match error {
            CatalogError::Io { path, source, .. }
                if source.kind() == io::ErrorKind::AlreadyExists =>
            {
                CatalogError::io("use", path, not_a_folder())
            }
            other => other,
        },
    )?;
    check_own_folder(folder)
}

/// Creates the root of a store and the folders above it. The umask decides about their modes.
pub(super) fn create_root(root: &Path) -> Result<()> {
    create_durably(root, &|folder| fs::create_dir(folder))
}

/// Refuses a link or anything else planted at the path of a folder of the store's own. None is fine.
pub(crate) fn check_own_folder(folder: &Path) -> Result<()> {
    match fs::symlink_metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(CatalogError::io("use", folder, not_a_folder())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(CatalogError::io("look at", folder, error)),
    }
}

/// Creates a folder and those above it; each new one is durable in its parent on return.
fn create_durably(folder: &Path, create: &dyn Fn(&Path) -> io::Result<()>) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|p| !p.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_durably(parent, create)?;
    }
    match create(folder) {
        Ok(()) => {}
        // Somebody else was first; they sync it, and so do we, as they may not have yet.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        Err(error) => return Err(CatalogError::io("create folder", folder, error)),
    }
    let parent = parent.unwrap_or(Path::new("."));
    sync_folder(parent).map_err(|error| CatalogError::io("sync folder", parent, error))
}
