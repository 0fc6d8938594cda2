//! The moves of downloaded files to their places in the model.

use std::fs;
use std::path::Path;

use catalog_core::fetching::HubFiles;
use catalog_core::{CatalogError, Result};

/// Moves the files that were downloaded at their paths in the repository to their names in the
/// model.
pub(super) fn move_to_names(top: &Path, chosen: &HubFiles) -> Result<()> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| CatalogError::Io {
            action: "move",
            path,
            source,
        }
    };
    // The files are moved aside first, because the name of one may be the path of another.
    let aside = tempfile::tempdir_in(top).map_err(failed(top))?;
    let moved: Vec<_> = chosen
        .files
        .iter()
        .filter(|file| file.path != file.name)
        .collect();
    for (number, file) in moved.iter().enumerate() {
        let from = top.join(&file.path);
        fs::rename(&from, aside.path().join(number.to_string())).map_err(failed(&from))?;
    }
    for (number, file) in moved.iter().enumerate() {
        let to = top.join(&file.name);
        to.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .map_err(failed(&to))?;
        fs::rename(aside.path().join(number.to_string()), &to).map_err(failed(&to))?;
    }
    aside.close().map_err(failed(top))
}

/// Moves the files of a folder of the repository to the top folder, and removes the folder.
pub(super) fn move_to_top(top: &Path, folder: &str) -> Result<()> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| CatalogError::Io {
            action: "move the files of",
            path,
            source,
        }
    };
    let from = top.join(folder);
    let is_folder = fs::symlink_metadata(&from).is_ok_and(|metadata| metadata.is_dir());
    if !is_folder
        || fs::canonicalize(&from).ok() != fs::canonicalize(top).ok().map(|top| top.join(folder))
    {
        return Err(CatalogError::ArtifactUnusable {
            path: from,
            found: "a link",
        });
    }
    // The records of the command have been read. They are removed because the moved folder may have
    // its own `.cache`.
    match fs::remove_dir_all(top.join(".cache")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(failed(top)(error));
        }
        _ => {}
    }
    // The folder is renamed first, because it may hold a folder with its own name.
    let aside = tempfile::tempdir_in(top).map_err(failed(top))?;
    let moved = aside.path().join("moved");
    fs::rename(&from, &moved).map_err(failed(&from))?;
    let outermost = folder.split('/').next().unwrap_or(folder);
    fs::remove_dir_all(top.join(outermost)).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(failed(&from)(error)),
    })?;
    for entry in fs::read_dir(&moved).map_err(failed(&moved))? {
        let entry = entry.map_err(failed(&moved))?;
        fs::rename(entry.path(), top.join(entry.file_name())).map_err(failed(&moved))?;
    }
    aside.close().map_err(failed(top))
}
