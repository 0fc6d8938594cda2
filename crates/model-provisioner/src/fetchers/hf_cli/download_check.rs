//! The checks of a finished download.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use catalog_core::fetching::HubFiles;
use catalog_core::{Basis, CatalogError, Expectation, FetchProblem, HfParts, ModelRef, Result};

use super::cli_error::fetch_error;
use super::process::Tick;
use super::records::{DownloadedFile, Stated, check_git_oid};
use super::selection::{Listed, Selection};

/// Returns the digests that the hub states for the staged bytes. Compares the files for which the hub
/// states only the hash of git.
pub(super) fn stated_digests(
    folder: &Path,
    downloaded: &[DownloadedFile],
    selection: &Selection,
    is_listed: bool,
    parts: &HfParts<'_>,
    tick: &mut Tick<'_>,
) -> Result<(Expectation, Basis)> {
    let mut files = BTreeMap::new();
    let mut basis = Basis::SourceHash;
    for file in downloaded {
        match &file.stated {
            Stated::Sha256(digest) => {
                let name = selection.name_of(&file.name);
                files.insert(name.to_owned(), digest.clone());
            }
            Stated::GitOid(oid) => {
                check_git_oid(&folder.join(&file.name), file.size, oid, tick)?;
            }
            Stated::Nothing => {
                basis = match is_listed {
                    true => Basis::Sizes,
                    false => Basis::Nothing,
                }
            }
        }
    }
    let expectation = Expectation::default()
        .files(files)
        .entry_point(selection.entry_point(parts));
    Ok((expectation, basis))
}

/// Checks that all selected files exist and have the sizes that the hub lists.
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
        let detail = format!(
            "the command succeeded, but {name} is missing or has another size than the hub lists"
        );
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
        let detail = "there is no file with this name, and no folder with files".to_owned();
        return Err(fetch_error(mr, FetchProblem::FileNotFound, detail));
    }
    Ok(())
}

/// Returns the commit of the downloaded files. Returns an error if the files come from several
/// commits.
pub(super) fn commit_of(mr: &ModelRef, downloaded: &[DownloadedFile]) -> Result<Option<String>> {
    let mut commits = downloaded.iter().filter_map(|file| file.commit.as_ref());
    let first = commits.next();
    if commits.any(|commit| Some(commit) != first) {
        let detail =
            "the files come from several commits: the repository changed during the download"
                .to_owned();
        return Err(fetch_error(mr, FetchProblem::Unreachable, detail));
    }
    Ok(first.cloned())
}

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
