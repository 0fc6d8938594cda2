use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::folder::sync_folder;
use super::layout::Layout;
use crate::error::{CatalogError, Result};

/// Replaces a file as a whole; on return the new content survives a power cut.
///
/// A temporary file in the same folder is written and synced, renamed over the target, and the
/// folder is synced. A crash before the rename leaves the old file and at worst the temporary one;
/// a crash after it leaves the new file complete. Readers see the old file or the new one.
///
/// Returns the open handle of what now lies at `target`.
///
/// # Errors
///
/// [`CatalogError::Io`] while the old file is certainly still in place;
/// [`CatalogError::OutcomeUnknown`] from the first sync on. Nothing is tried twice: after a failed
/// sync the kernel may report success for data that it has dropped.
pub(crate) fn replace_durably(target: &Path, bytes: &[u8]) -> Result<File> {
    let folder = target.parent().expect("a file of the store has a parent");
    let mut temporary = tempfile::Builder::new()
        .prefix(&Layout::temporary_prefix(target))
        .suffix(".tmp")
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
    let file = temporary
        .persist(target)
        .map_err(|error| unknown("renaming the new file over it")(error.error))?;
    sync_folder(folder).map_err(unknown("syncing its folder"))?;
    Ok(file)
}
