use std::fs;
use std::path::Path;

use super::options::OutsidePaths;
use super::referenced_paths::Reach;
use crate::entry::{CatalogEntry, EngineArtifact, EngineEntry};
use crate::error::{CatalogError, PathProblem, Result};
use crate::reference::shown_id;
use crate::root::{Placement, StoreRoot};

/// The longest id that a catalog holds, in bytes.
pub const MAX_ID_LEN: usize = 8192;

/// Checks a model's entry and gives the stored form of its path: relative if below the root.
pub(crate) fn validate_model(
    root: &StoreRoot,
    outside: OutsidePaths,
    entry: &CatalogEntry,
) -> Result<PlacedPath> {
    check_id(&entry.id)?;
    if let Some(digest) = &entry.digest
        && !digest.is_storable()
    {
        return Err(invalid(
            &entry.id,
            "its digest is not a lower-case algorithm and lower-case hexadecimal digits",
        ));
    }
    place_path(root, outside, &entry.local_path)
}

/// Checks an engine's entry and gives the stored forms of its artifacts, in order.
pub(crate) fn validate_engine(
    root: &StoreRoot,
    outside: OutsidePaths,
    entry: &EngineEntry,
) -> Result<Vec<String>> {
    check_id(&entry.id)?;
    if entry.engine.trim().is_empty() || entry.version.trim().is_empty() {
        return Err(invalid(&entry.id, "its engine or version is blank"));
    }
    let place = |artifact: &Path| match EngineArtifact::of(artifact)? {
        EngineArtifact::Local(path) => {
            place_path(root, outside, path).map(|placed| EngineArtifact::mark_local(&placed.stored))
        }
        EngineArtifact::Image(_) => Ok(artifact.to_string_lossy().into_owned()),
    };
    entry.artifacts.iter().map(|path| place(path)).collect()
}

/// A path in the form in which an index stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlacedPath {
    /// Relative if it lies below the root.
    pub(crate) stored: String,
    pub(crate) reach: Reach,
}

fn place_path(root: &StoreRoot, outside: OutsidePaths, path: &Path) -> Result<PlacedPath> {
    let stored = match root.place(path)? {
        Placement::Inside(relative) => relative,
        Placement::Outside(absolute) if outside == OutsidePaths::Record => absolute,
        Placement::Outside(_) => {
            let root = root.path().to_path_buf();
            return Err(CatalogError::path_refused(
                path,
                PathProblem::Outside { root },
            ));
        }
    };
    match stored.to_str() {
        Some(text) => Ok(PlacedPath {
            reach: reach_of(root, path, &root.absolute(&stored)),
            stored: text.to_owned(),
        }),
        None => Err(CatalogError::path_refused(path, PathProblem::NotText)),
    }
}

/// A regular file whose path is spelled as it is resolved has no link on its way.
fn reach_of(root: &StoreRoot, given: &Path, resolved: &Path) -> Reach {
    let is_plain = root.absolute(given) == resolved
        && fs::symlink_metadata(resolved).is_ok_and(|metadata| metadata.is_file());
    match is_plain {
        true => Reach::Itself,
        false => Reach::ThroughLinks,
    }
}

fn check_id(id: &str) -> Result<()> {
    if shown_id(id) != id {
        let problem = "its id is a URL with a secret in it; use the id that ModelRef gives";
        return Err(invalid(&shown_id(id), problem));
    }
    match id.len() {
        0 => Err(invalid(id, "its id is empty")),
        1..=MAX_ID_LEN => Ok(()),
        _ => {
            let start: String = id.chars().take(64).collect();
            Err(invalid(&start, "its id is longer than 8192 bytes"))
        }
    }
}

fn invalid(id: &str, problem: &'static str) -> CatalogError {
    CatalogError::InvalidEntry {
        id: id.to_owned(),
        problem,
    }
}
