//! The checks of a finished download.

use std::collections::BTreeMap;
use std::path::Path;

use catalog_core::{Basis, Expectation, FetchProblem, HfParts, ModelRef, Result};

use super::cli_error::fetch_error;
use super::process::Tick;
use super::records::{DownloadedFile, Stated, check_git_oid};
use super::selection::{Listed, Selection};

/// Returns the expected digests of the files, and the basis of the proof. If the hub states only the
/// hash of git for a file, compares the file with the hash. Returns an error if they differ.
pub(super) fn expectation_of(
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
