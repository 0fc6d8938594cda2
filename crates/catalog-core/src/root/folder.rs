use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::foreign::not_a_folder;
use super::layout::Layout;
use super::modes::create_folder;
use crate::error::{CatalogError, Result};

/// Makes all earlier creations, renames and removals of names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Creates a folder of the store and its missing parents. Refuses a link or any other file at its
/// path.
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

/// Creates folders of the store in one parent, as [`create_own_folder`] does, with one sync for all
/// of them.
pub(crate) fn create_own_folders(layout: &Layout, folders: &BTreeSet<PathBuf>) -> Result<()> {
    let missing: Vec<&PathBuf> = folders.iter().filter(|folder| !folder.is_dir()).collect();
    if let [_, .., last] = &missing[..] {
        let parent = last.parent().unwrap_or(Path::new("."));
        create_own_folder(layout, parent)?;
        for folder in &missing {
            match create_folder(layout, folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(CatalogError::io("create folder", folder, error));
                }
                _ => {}
            }
        }
        sync_folder(parent).map_err(|error| CatalogError::io("sync folder", parent, error))?;
    }
    // These exist now, or there is only one.
    folders
        .iter()
        .try_for_each(|folder| create_own_folder(layout, folder))
}

/// Creates the root of a store and its missing parents. Their modes depend on the umask.
pub(super) fn create_root(root: &Path) -> Result<()> {
    create_durably(root, &|folder| fs::create_dir(folder))
}

/// Refuses a link or any other file at the path of a folder of the store. Accepts a path without
/// anything.
pub(crate) fn check_own_folder(folder: &Path) -> Result<()> {
    match fs::symlink_metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(CatalogError::io("use", folder, not_a_folder())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(CatalogError::io("look at", folder, error)),
    }
}

/// Creates a folder and its missing parents. Each new folder is durable in its parent on return.
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
        // Another process created the folder first, and may not have synced its name yet.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        Err(error) => return Err(CatalogError::io("create folder", folder, error)),
    }
    let parent = parent.unwrap_or(Path::new("."));
    sync_folder(parent).map_err(|error| CatalogError::io("sync folder", parent, error))
}
