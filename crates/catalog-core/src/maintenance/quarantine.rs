use std::path::{Path, PathBuf};

use crate::artifacts::Evidence;
use crate::entry::LifecycleState;
use crate::error::Result;
use crate::root::{FileStamp, FoundFile, Layout};
use crate::state::{ModelRecord, RootState};

/// Moves corrupt files to quarantine, and returns their new paths. If a file cannot be moved, the
/// others are still moved, and the first error is returned. If the store cannot be written now, the
/// file stays, a warning is logged, and the verification that found the file still returns its
/// outcome.
pub(super) fn quarantine_all(
    state: &RootState,
    bad: Vec<(FoundFile, Evidence)>,
    last_good_ms: Option<u64>,
) -> Result<Vec<PathBuf>> {
    let (mut moved, mut failed) = (Vec::new(), None);
    for (found, evidence) in bad {
        let evidence = Evidence {
            last_good_ms,
            ..evidence
        };
        match quarantine(state, &found, evidence) {
            Ok(kept) => moved.extend(kept),
            Err(error) if error.is_refused_write() => {
                let path = found.path.display();
                tracing::warn!(%path, %error, "a corrupt file could not be moved to quarantine");
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match failed {
        None => Ok(moved),
        Some(error) => Err(error),
    }
}

/// Sets every model that uses a corrupt file to Retired, and then moves the file to quarantine. In
/// this order, an Active entry never lacks the file.
///
/// Returns `None` if the file at the path is no longer the corrupt file: another process has
/// replaced it.
fn quarantine(state: &RootState, found: &FoundFile, evidence: Evidence) -> Result<Option<PathBuf>> {
    let artifacts = &state.artifacts;
    let path = found.path.as_path();
    state.models.update_then(
        &state.limits,
        |edit| {
            let lock = artifacts.lock()?;
            let now = std::fs::symlink_metadata(path);
            let is_found = now.is_ok_and(|now| FileStamp::of(&now).is_same_content(&found.stamp));
            if !is_found {
                drop(lock);
                return Ok(None);
            }
            let same_digest = edit.iter().filter_map(|(_, record)| {
                let is_same = record.digest.as_ref() == Some(&evidence.expected);
                is_same.then(|| key_of(record)).flatten()
            });
            let sharers = artifacts.sharers_of(path, &evidence.expected, same_digest)?;
            let keys: Vec<&str> = sharers.iter().map(|sharer| sharer.key.as_str()).collect();
            let uses = |record: &ModelRecord| key_of(record).is_some_and(|key| keys.contains(&key));
            let users: Vec<(String, ModelRecord)> = edit
                .iter()
                .filter(|(_, record)| uses(record))
                .map(|(id, record)| (id.to_owned(), record.in_state(LifecycleState::Retired)))
                .collect();
            let mut evidence = evidence;
            evidence.ids = users.iter().map(|(id, _)| id.clone()).collect();
            for (id, record) in users {
                edit.insert(&id, record);
            }
            Ok(Some((lock, evidence, sharers)))
        },
        |decided| {
            let Some((lock, evidence, sharers)) = decided else {
                return Ok(None);
            };
            let kept = artifacts.quarantine(&lock, path, &evidence, &sharers);
            drop(lock);
            if let Ok(kept) = &kept {
                tracing::warn!(
                    path = %path.display(), kept = %kept.display(), ids = ?evidence.ids,
                    "a file contradicts its manifest; it was moved to quarantine"
                );
            }
            kept.map(Some)
        },
    )
}

/// Returns the key of the artifact that a record names, if the artifact is managed.
fn key_of(record: &ModelRecord) -> Option<&str> {
    Layout::key_of(Path::new(&record.local_path))
}
