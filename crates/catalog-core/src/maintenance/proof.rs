use std::path::{Path, PathBuf};

use super::managed::managed;
use super::verification::Verification;
use crate::artifacts::{Artifact, LocalModel};
use crate::entry::{CatalogEntry, Expected};
use crate::error::Result;
use crate::root::Layout;
use crate::state::{ModelRecord, Proof, RootState};

/// Returns the proof of a record, if its outcome is Pass and the files have not changed since.
/// `before` is the record before a wait, if the caller waited.
pub(super) fn valid_proof<'r>(
    state: &RootState,
    record: &'r ModelRecord,
    before: Option<Option<&ModelRecord>>,
) -> Result<Option<&'r Proof>> {
    // Any other outcome needs a new verification.
    let Some(proof) = record.proof.as_deref().filter(|proof| proof.is_pass()) else {
        return Ok(None);
    };
    let is_new = before.is_some_and(|before| {
        before
            .is_none_or(|before| (&before.proof, before.attempt) != (&record.proof, record.attempt))
    });
    let Some(proved) = &proof.fingerprint else {
        return Ok(None);
    };
    if !proof.is_settled && !is_new {
        return Ok(None);
    }
    if proved.is_still_of(&LocalModel::resolve(&fingerprinted(state, record))?) {
        return Ok(Some(proof));
    }
    // An entry may name a single file of an artifact.
    let path = state.root.absolute(Path::new(&record.local_path));
    let is_one_of_several = Layout::key_of(Path::new(&record.local_path)).is_some()
        && managed(state, record, &path)?.is_none();
    let is_same = is_one_of_several && proved.is_still_of(&LocalModel::resolve(&path)?);
    Ok(is_same.then_some(proof))
}

/// Returns the path to fingerprint: for a managed model, its whole `files` folder.
fn fingerprinted(state: &RootState, record: &ModelRecord) -> PathBuf {
    let stored = Path::new(&record.local_path);
    match Layout::key_of(stored) {
        Some(key) => state.root.layout().artifact(key).files(),
        None => state.root.absolute(stored),
    }
}

/// Stores an entry together with the verification of its bytes, in one write. If the verification
/// is of another path or digest, only the entry is stored.
///
/// # Errors
///
/// The errors of [`put_if`](crate::CatalogStore::put_if).
pub(crate) fn put_verified(
    state: &RootState,
    entry: &CatalogEntry,
    verification: &Verification,
    expected: Expected<'_, CatalogEntry>,
) -> Result<()> {
    state.update_models(|edit| {
        edit.put_with(entry, expected, |record| match &verification.recordable {
            Some(found) if found.is_of(&record) => record.with_proof(&found.proof),
            _ => record,
        })
    })
}

/// Registers a published artifact as Active, if the present entry with its id is as expected. The
/// bytes were hashed before they were published, so they are not hashed again.
///
/// # Errors
///
/// The errors of [`put_if`](crate::CatalogStore::put_if).
pub(crate) fn register(
    state: &RootState,
    artifact: &Artifact,
    expected: Expected<'_, CatalogEntry>,
) -> Result<CatalogEntry> {
    let entry = artifact.entry();
    state.update_models(|edit| {
        edit.put_with(&entry, expected, |record| record.published_as(artifact))
    })?;
    Ok(entry)
}
