//! The checks of a finished download.

use std::fs;
use std::path::Path;

use catalog_core::{CatalogError, FetchProblem, ModelRef, Result};

use super::cli_error::fetch_error;
use super::records::DownloadedFile;
use super::selection::{Listed, Selection};

/// Checks that all selected files are there, with the sizes that the hub listed.
pub(super) fn check_complete(
    mr: &ModelRef,
    selection: &Selection,
    listing: Option<&[Listed]>,
    downloaded: &[DownloadedFile],
) -> Result<()> {
    let size_of = |name: &str| {
        let found = downloaded.iter().find(|file| file.name == name);
        found.map(|file| file.size)
    };
    let lacking = |name: &str| {
        let detail = format!("the command succeeded, but {name} is not what the hub lists");
        Err(fetch_error(mr, FetchProblem::Failed, detail))
    };
    for file in listing
        .map(|listing| selection.among(listing))
        .unwrap_or_default()
    {
        if size_of(&file.path) != Some(file.size) {
            return lacking(&file.path);
        }
    }
    for name in selection.names() {
        if size_of(name).is_none() {
            return lacking(name);
        }
    }
    if downloaded.is_empty() {
        let detail = "there is no file of that name, and none below it".to_owned();
        return Err(fetch_error(mr, FetchProblem::FileNotFound, detail));
    }
    Ok(())
}

/// Returns the commit that all files are from.
pub(super) fn commit_of(mr: &ModelRef, downloaded: &[DownloadedFile]) -> Result<Option<String>> {
    let mut commits = downloaded.iter().filter_map(|file| file.commit.as_ref());
    let first = commits.next();
    if commits.any(|commit| Some(commit) != first) {
        let detail = "its files come from several commits: somebody pushed meanwhile".to_owned();
        return Err(fetch_error(mr, FetchProblem::Unreachable, detail));
    }
    Ok(first.cloned())
}

/// Moves the files of a folder of the repository to the top, and removes the folder.
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
    // The notes of the command, which have been read: a folder may have a `.cache` of its own.
    match fs::remove_dir_all(top.join(".cache")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(failed(top)(error));
        }
        _ => {}
    }
    // By another name first: the folder may hold one of its own name.
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
