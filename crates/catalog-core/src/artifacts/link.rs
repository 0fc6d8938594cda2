//! Gives a staged file the bytes of another file, by a link or by a clone.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::error::{CatalogError, Result};
use crate::root::{FileStamp, Layout, Modes, Reflink, clone_file, create_file, set_mode};

/// Gives the file `from` the second name `to`, and replaces any file at `to`. `spare` is an unused
/// name for the step in between.
pub(super) fn link_over(from: &Path, to: &Path, spare: &Path) -> Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(CatalogError::io("link to", to, error)),
    }
    fs::hard_link(from, spare).map_err(|error| CatalogError::io("link to", spare, error))?;
    fs::rename(spare, to).map_err(|error| CatalogError::io("rename to", to, error))?;
    // A rename between two names of the same file does nothing, and leaves both names.
    match fs::remove_file(spare) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(CatalogError::io("remove", spare, error))
        }
        _ => Ok(()),
    }
}

/// Replaces a file with a clone of a blob. Returns the stamp of the clone, or `None` if the file
/// system cannot share extents.
pub(super) fn clone_over(
    layout: &Layout,
    blob: &Path,
    to: &Path,
    spare: &Path,
) -> Result<Option<FileStamp>> {
    let source = File::open(blob).map_err(|error| CatalogError::io("open", blob, error))?;
    let failed = |error| CatalogError::io("clone to", spare, error);
    let target = create_file(layout, spare).map_err(failed)?;
    if clone_file(&source, &target).map_err(failed)? == Reflink::Unsupported {
        fs::remove_file(spare).map_err(|error| CatalogError::io("remove", spare, error))?;
        return Ok(None);
    }
    let mode = Modes::of(layout).map_err(failed)?.blob;
    set_mode(&target, mode)
        .and_then(|()| target.sync_all())
        .map_err(failed)?;
    fs::rename(spare, to).map_err(|error| CatalogError::io("rename to", to, error))?;
    stamp_of(to)
}

/// Returns the stamp of the file at a path, without following a link. Returns `None` if there is no
/// file.
pub(super) fn stamp_of(path: &Path) -> Result<Option<FileStamp>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(FileStamp::of(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CatalogError::io("look at", path, error)),
    }
}
