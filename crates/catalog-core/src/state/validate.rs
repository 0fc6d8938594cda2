use std::fs;
use std::path::Path;

use super::options::OutsidePaths;
use super::referenced_paths::Reach;
use crate::digest::{Digest, DigestAlgorithm};
use crate::entry::{CatalogEntry, EngineArtifact, EngineEntry};
use crate::error::{CatalogError, PathProblem, Result};
use crate::reference::{ModelId, redact_text, text_holds_secret};
use crate::root::{Placement, StoreRoot};

/// Checks the entry of a model, and returns the stored form of its path.
pub(crate) fn validate_model(
    root: &StoreRoot,
    outside: OutsidePaths,
    entry: &CatalogEntry,
) -> Result<PlacedPath> {
    ModelId::check(&entry.id)?;
    if let Some(digest) = &entry.digest {
        if !digest.is_storable() {
            return Err(invalid(
                &entry.id,
                "its digest is not a lower-case algorithm and lower-case hexadecimal digits",
            ));
        }
        if is_broken(digest) {
            return Err(invalid(
                &entry.id,
                "its digest does not have the number of digits of its algorithm",
            ));
        }
    }
    place_path(root, outside, &entry.local_path)
}

/// Checks the entry of an engine, and returns the stored forms of its artifacts, in order.
pub(crate) fn validate_engine(
    root: &StoreRoot,
    outside: OutsidePaths,
    entry: &EngineEntry,
) -> Result<Vec<String>> {
    ModelId::check(&entry.id)?;
    if entry.engine.trim().is_empty() || entry.version.trim().is_empty() {
        return Err(invalid(&entry.id, "its engine or version is blank"));
    }
    if let Some(problem) = secret_in(entry) {
        return Err(invalid(&entry.id, problem));
    }
    let digest = entry
        .digest
        .as_deref()
        .and_then(|text| text.split_once(':'));
    if let Some((algo, value)) = digest
        && is_broken(&Digest {
            algo: algo.to_owned(),
            value: value.to_owned(),
        })
    {
        return Err(invalid(
            &entry.id,
            "its digest does not have the number of hexadecimal digits of its algorithm",
        ));
    }
    let place = |artifact: &Path| match EngineArtifact::of_new(artifact)? {
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
    /// The path: relative if it lies below the root, otherwise absolute.
    pub(crate) stored: String,
    pub(crate) reach: Reach,
}

/// Returns true if this release can compute the algorithm of a digest, but the value is not a
/// digest of that algorithm.
fn is_broken(digest: &Digest) -> bool {
    digest.algo.parse::<DigestAlgorithm>().is_ok() && digest.algorithm().is_err()
}

/// Returns the problem of the entry of an engine that holds a secret in one of its texts.
fn secret_in(entry: &EngineEntry) -> Option<&'static str> {
    // A flag and its value can be two elements of the list.
    let flags = entry.build_flags.as_ref().map(|flags| flags.join(" "));
    let is_secret = |text: Option<&str>| text.is_some_and(text_holds_secret);
    if is_secret(flags.as_deref()) {
        Some("its build_flags hold a secret; leave it out")
    } else if is_secret(entry.build_ref.as_deref()) {
        Some("its build_ref holds a secret; leave it out")
    } else if is_secret(Some(&entry.engine)) {
        Some("its engine holds a secret; leave it out")
    } else if is_secret(Some(&entry.version)) {
        Some("its version holds a secret; leave it out")
    } else if is_secret(entry.digest.as_deref()) {
        Some("its digest holds a secret; leave it out")
    } else if is_secret(Some(&entry.id)) {
        Some("its id holds a secret; give it a name")
    } else {
        None
    }
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

/// Returns the reach of a path. A path leads through no link if it is spelled as it is resolved and
/// names a regular file.
fn reach_of(root: &StoreRoot, given: &Path, resolved: &Path) -> Reach {
    let is_plain = root.absolute(given) == resolved
        && fs::symlink_metadata(resolved).is_ok_and(|metadata| metadata.is_file());
    match is_plain {
        true => Reach::Itself,
        false => Reach::ThroughLinks,
    }
}

fn invalid(id: &str, problem: &'static str) -> CatalogError {
    CatalogError::InvalidEntry {
        id: redact_text(id),
        problem,
    }
}
