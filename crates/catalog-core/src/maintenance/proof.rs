use crate::progress::Progress;
use std::path::{Path, PathBuf};

use super::verify::Verification;
use super::verify::{hash_record, managed};
use crate::artifacts::{Artifact, Fingerprint, LocalModel, LogLine, Logged, LoggedOutcome};

use crate::entry::CatalogEntry;
use crate::entry::Expected;
use crate::error::Result;
use crate::root::Layout;
use crate::state::{ModelRecord, RootState};

/// A place in the log of verifications: what is behind it was found later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogMark(u64);

/// The end of the log as of now.
///
/// # Errors
///
/// [`Io`](crate::CatalogError::Io).
pub(crate) fn log_mark(state: &RootState) -> Result<LogMark> {
    state.log.lines().map(LogMark)
}

/// Whether the bytes of a registered model are proved to be what `entry`, which was read from
/// this catalog, says: they were hashed, and device, inode, size and times of every file are as
/// they were then. Reads no byte of it.
///
/// What was hashed so soon after it changed that another change could go unnoticed is no proof,
/// except for who waited for that verification: give the mark from before the wait as `since`.
///
/// # Errors
///
/// [`ArtifactMissing`](crate::CatalogError::ArtifactMissing), [`Io`](crate::CatalogError::Io).
pub(crate) fn is_proved(
    state: &RootState,
    entry: &CatalogEntry,
    since: Option<LogMark>,
) -> Result<bool> {
    let snapshot = state.models.snapshot()?;
    match snapshot.get(&entry.id) {
        Some(record)
            if record.digest == entry.digest
                && state.root.absolute(Path::new(&record.local_path)) == entry.local_path =>
        {
            is_record_proved(state, &entry.id, record, since)
        }
        _ => Ok(false),
    }
}

/// Whether the log proves that these bytes are the expected ones.
pub(super) fn is_record_proved(
    state: &RootState,
    id: &str,
    record: &ModelRecord,
    since: Option<LogMark>,
) -> Result<bool> {
    let is_candidate = |Logged { line, number, .. }: &Logged| {
        let is_trusted = line.is_settled || since.is_some_and(|mark| *number > mark.0);
        let is_same = line.path == record.local_path && line.digest == record.digest;
        (is_trusted && is_same && line.outcome == LoggedOutcome::Pass)
            .then(|| line.fingerprint.clone())
    };
    let latest = |logged: Option<&Logged>| logged.and_then(is_candidate);
    let Some(proved) = state.log.with_latest(id, latest)? else {
        return Ok(false);
    };
    if proved.is_still_of(&LocalModel::resolve(&fingerprinted(state, record))?) {
        return Ok(true);
    }
    // An entry may name one file of an artifact by itself.
    let path = state.root.absolute(Path::new(&record.local_path));
    let is_one_of_several = Layout::key_of(Path::new(&record.local_path)).is_some()
        && managed(state, record, &path)?.is_none();
    Ok(is_one_of_several && proved.is_still_of(&LocalModel::resolve(&path)?))
}

/// Of what a verification takes the fingerprint: all files of a managed model.
fn fingerprinted(state: &RootState, record: &ModelRecord) -> PathBuf {
    let stored = Path::new(&record.local_path);
    match Layout::key_of(stored) {
        Some(key) => state.root.layout().artifact(key).files(),
        None => state.root.absolute(stored),
    }
}

/// Hashes what `entry` names and compares it with the entry's digest, whether or not it is
/// registered yet, and logs the outcome. Otherwise as [`verify`](Self::verify).
///
/// # Errors
///
/// Those of [`verify`](super::verify); [`PathRefused`](crate::CatalogError::PathRefused) for what this catalog could not hold.
pub(crate) fn verify_candidate(
    state: &RootState,
    entry: &CatalogEntry,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Verification> {
    let record = state.record_of(entry)?;
    let snapshot = state.models.snapshot()?;
    let registered = snapshot.get(&entry.id);
    let pinned = registered.and_then(|registered| registered.digest.as_ref());
    hash_record(state, &entry.id, &record, pinned, progress)
}

/// Registers a published artifact as Active, if what is registered under its id is as expected,
/// and logs that it was verified while it was staged.
///
/// # Errors
///
/// As [`put_if`](CatalogStore::put_if).
pub(crate) fn register(
    state: &RootState,
    artifact: &Artifact,
    expected: Expected<'_, CatalogEntry>,
) -> Result<CatalogEntry> {
    let entry = artifact.entry();
    state.update_models(|edit| edit.put_if(&entry, expected))?;
    let record = state.record_of(&entry)?;
    let line = LogLine {
        id: entry.id.clone(),
        path: record.local_path.clone(),
        digest: record.digest.clone(),
        outcome: LoggedOutcome::Pass,
        at_ms: artifact.manifest().published_ms,
        fingerprint: Fingerprint::of(&fingerprinted(state, &record))?,
        // Publishing it has just changed its times.
        is_settled: false,
    };
    if let Err(error) = state.log.append(&line) {
        // Costs one more verification.
        tracing::warn!(id = entry.id, %error, "a verification was not logged");
    }
    Ok(entry)
}
