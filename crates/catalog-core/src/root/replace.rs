use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::folder::sync_folder;
use super::layout::{IndexFile, Layout};
use crate::error::{CatalogError, Result};

/// Replaces a file as a whole; on return the new content survives a power cut, and what was there
/// before lies at `previous`, if that is given.
///
/// A temporary file in the same folder is written and synced, the old file gets a second name that
/// is renamed to `previous`, the temporary file is renamed over the target, and the folder is
/// synced. A crash at any point leaves a complete file at `target`, the old one or the new one, a
/// complete one at `previous` if there was one before, and at worst temporary files.
///
/// Returns the open handle of what now lies at `target`.
///
/// # Errors
///
/// [`CatalogError::Io`] while the old file is certainly still in place;
/// [`CatalogError::OutcomeUnknown`] from the first sync on. Nothing is tried twice: after a failed
/// sync the kernel may report success for data that it has dropped.
pub(crate) fn replace_durably(
    target: &Path,
    previous: Option<&Path>,
    bytes: &[u8],
) -> Result<File> {
    let folder = target.parent().expect("a file of the store has a parent");
    let mut temporary = tempfile::Builder::new()
        .prefix(&Layout::temporary_files(target).new)
        .rand_bytes(0)
        // The umask decides who may read, as it does for every other file of the group's cache.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(|error| CatalogError::io("create a temporary file in", folder, error))?;
    temporary
        .write_all(bytes)
        .map_err(|error| CatalogError::io("write", temporary.path(), error))?;

    let unknown = |action| {
        move |source| CatalogError::OutcomeUnknown {
            path: target.to_path_buf(),
            action,
            source,
        }
    };
    temporary
        .as_file()
        .sync_all()
        .map_err(unknown("syncing the new file"))?;
    if let Some(previous) = previous {
        keep_as_previous(target, previous)
            .map_err(|error| CatalogError::io("keep the old file as", previous, error))?;
    }
    let file = temporary
        .persist(target)
        .map_err(|error| unknown("renaming the new file over it")(error.error))?;
    sync_folder(folder).map_err(unknown("syncing its folder"))?;
    Ok(file)
}

/// Gives the file at `target` the second name `previous`, in place of what had that name.
fn keep_as_previous(target: &Path, previous: &Path) -> io::Result<()> {
    let folder = target.parent().expect("a file of the store has a parent");
    let name = Layout::temporary_files(target).old;
    let mut names = tempfile::Builder::new();
    names.prefix(&name).rand_bytes(0);
    let second = match names.make_in(folder, |path| fs::hard_link(target, path)) {
        Ok(link) => link,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        // No links on this file system, or none to another account's file.
        Err(_) => names.make_in(folder, |path| {
            fs::copy(target, path)?;
            File::open(path)?.sync_all()
        })?,
    };
    let (_, path) = second.keep().map_err(|error| error.error)?;
    fs::rename(&path, previous)?;
    // Renaming does nothing if both are names of one file, as after a crash right behind it.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes what a writer that died left in a root. Only the holder of the writer lock may do this,
/// as only it has temporary files.
pub(crate) fn remove_temporary_files(layout: &Layout) -> Result<()> {
    for index in IndexFile::ALL {
        let target = layout.index(index);
        let names = Layout::temporary_files(&target);
        for name in [names.new, names.old] {
            let path = target.with_file_name(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(CatalogError::io("remove", path, error));
                }
                _ => {}
            }
        }
    }
    Ok(())
}
