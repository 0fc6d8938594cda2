//! The text files of the store: manifests, claims, journals and evidence.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::error::{CatalogError, Result};
use crate::root::{Layout, create_file, open_own_file};

/// Reads a text file of the store, if it exists. A file of more than `max` bytes is reported as
/// damaged.
pub(super) fn read_text(path: &Path, max: u64) -> Result<Option<String>> {
    let Some(file) = open_own_file(path, OpenOptions::new().read(true))? else {
        return Ok(None);
    };
    // The file is read with one allocation, because the plan of a collection reads thousands of
    // them.
    let len = file.metadata().map_or(0, |metadata| metadata.len());
    let mut text = String::with_capacity(len.min(max) as usize + 1);
    match file.take(max + 1).read_to_string(&mut text) {
        Ok(len) if len as u64 <= max => Ok(Some(text)),
        Ok(_) => Err(damaged(path, "it is too long")),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(damaged(path, "it is not UTF-8"))
        }
        Err(error) => Err(CatalogError::io("read", path, error)),
    }
}

/// Writes and syncs a new file of the store. Its name is not durable yet.
pub(super) fn write_text(layout: &Layout, path: &Path, text: &str) -> Result<()> {
    let failed = |error| CatalogError::io("write", path, error);
    let mut file = create_file(layout, path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)
}

fn damaged(path: &Path, detail: &str) -> CatalogError {
    CatalogError::StoreDamaged {
        path: path.to_path_buf(),
        detail: detail.to_owned(),
        repair: "move this file out of the root",
    }
}
