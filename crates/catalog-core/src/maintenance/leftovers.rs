//! Lists and removes files that no model needs: quarantined files, files that a recovery kept
//! aside, and unused model locks.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::collection_plan::Removable;
use crate::artifacts::{Evidence, space_below};
use crate::error::{CatalogError, Result};
use crate::root::{
    FileLock, Layout, LockMode, MoverAside, QuarantineFolder, is_at, is_sha256, list_folder,
    open_to_lock,
};
use crate::state::RootState;

/// A file in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuarantinedFile {
    /// The path of the file in quarantine.
    pub path: PathBuf,
    /// The evidence of its corruption, if it can be read.
    pub evidence: Option<Evidence>,
    /// The number of bytes that its removal frees on the disk.
    pub bytes: u64,
    /// The time when the file was moved to quarantine.
    pub since: SystemTime,
}

/// A file that no model needs, and the time of its last change.
#[derive(Debug)]
pub(super) struct Leftover {
    pub(super) what: Removable,
    pub(super) since: SystemTime,
    pub(super) bytes: u64,
}

/// Lists the files in quarantine, the oldest first.
pub(crate) fn quarantined(state: &RootState) -> Result<Vec<QuarantinedFile>> {
    let mut files = Vec::new();
    for (path, _) in list_folder(&state.root.layout().quarantine())? {
        let folder = QuarantineFolder::new(path);
        // Another process removed the folder after it was listed.
        let Some(since) = modified(folder.path()) else {
            continue;
        };
        files.push(QuarantinedFile {
            path: folder.file(),
            evidence: Evidence::read(&folder),
            bytes: space_below(folder.path()),
            since,
        });
    }
    files.sort_by(|a, b| (a.since, &a.path).cmp(&(b.since, &b.path)));
    Ok(files)
}

/// Lists the files that no model needs, the oldest first.
pub(super) fn leftovers(state: &RootState) -> Result<Vec<Leftover>> {
    let layout = state.root.layout();
    let quarantined = quarantined(state)?.into_iter().map(|file| Leftover {
        what: Removable::Quarantined(file.path),
        since: file.since,
        bytes: file.bytes,
    });
    let mut all: Vec<Leftover> = quarantined.collect();
    let kept = list_folder(state.root.path())?.into_iter();
    let kept = kept.filter(|(path, _)| Layout::is_kept_aside(path));
    let locks = list_folder(&layout.model_locks())?.into_iter();
    let locks = locks.filter(|(path, _)| is_model_lock(layout, path));
    let files = kept
        .map(|(path, _)| Removable::KeptAside(path))
        .chain(locks.map(|(path, _)| Removable::ModelLock(path)));
    all.extend(files.filter_map(|what| {
        let (Removable::KeptAside(path) | Removable::ModelLock(path)) = &what else {
            return None;
        };
        Some(Leftover {
            since: changed(path)?,
            bytes: space_below(path),
            what,
        })
    }));
    all.sort_by(|a, b| (a.since, &a.what).cmp(&(b.since, &b.what)));
    Ok(all)
}

/// Moves a leftover aside, and returns its new path. Returns `None` if the leftover does not exist,
/// or is not a leftover of this root. The caller holds the lock of the artifact store.
pub(super) fn move_leftover_aside(
    state: &RootState,
    mover: &mut MoverAside,
    what: &Removable,
) -> Result<Option<PathBuf>> {
    let layout = state.root.layout();
    match what {
        Removable::Quarantined(file) => {
            let folder = file.parent().unwrap_or(file);
            match folder.parent() == Some(&layout.quarantine()) {
                true => mover.move_aside(folder),
                false => Ok(None),
            }
        }
        Removable::KeptAside(path)
            if path.parent() == Some(state.root.path()) && Layout::is_kept_aside(path) =>
        {
            mover.move_aside(path)
        }
        Removable::ModelLock(path) if is_model_lock(layout, path) => {
            let Some(file) = open_to_lock(path)? else {
                return Ok(None);
            };
            let locking = state.artifacts.locking();
            let held = FileLock::try_acquire(file, path, LockMode::Exclusive, locking)?;
            // A caller that waits for the lock checks whether the locked file is still at the path.
            match held {
                Ok(lock) if is_at(lock.file(), path)? => mover.move_aside(path),
                Ok(_) => Ok(None),
                Err(_) => Err(CatalogError::InUse { path: path.clone() }),
            }
        }
        _ => Ok(None),
    }
}

fn is_model_lock(layout: &Layout, path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    path.parent() == Some(&layout.model_locks()) && name.is_some_and(is_sha256)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::symlink_metadata(path).ok()?.modified().ok()
}

/// Returns the time of the last change of a file: of its content or of its names.
fn changed(path: &Path) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    use std::time::Duration;
    let metadata = fs::symlink_metadata(path).ok()?;
    let seconds = u64::try_from(metadata.ctime()).unwrap_or_default();
    let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    Some(metadata.modified().ok()?.max(changed))
}
