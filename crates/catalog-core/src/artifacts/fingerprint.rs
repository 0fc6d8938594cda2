use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::digest::NOT_THE_MODEL;
use crate::error::{CatalogError, Result};
use crate::root::{FileStamp, Layout, Links, is_older_than_granularity, list_files};

/// What the file system says of an artifact without reading it: of a file, or of all files of a
/// folder, with their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// A digest of device, inode, size, mtime and ctime of each.
    stamps: String,
    /// The latest of those times, in nanoseconds since 1970.
    latest: i128,
}

impl Fingerprint {
    /// Of what is at a path, behind links.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if crate::root::is_absence(&error) => {
                let path = path.to_path_buf();
                return Err(CatalogError::ArtifactMissing { path });
            }
            Err(error) => return Err(CatalogError::io("look at", path, error)),
        };
        if metadata.is_file() {
            let stamp = FileStamp::of(&metadata);
            return Ok(Self::over([("", stamp)].into_iter()));
        }
        let files = list_files(path, &NOT_THE_MODEL, Links::Follow)?;
        Ok(Self::over(
            files.iter().map(|file| (file.name.as_str(), file.stamp)),
        ))
    }

    /// Of a folder that is not there.
    pub(crate) fn of_nothing() -> Self {
        Self::over(std::iter::empty())
    }

    fn over<'f>(files: impl Iterator<Item = (&'f str, FileStamp)>) -> Self {
        let mut stamps = Sha256::new();
        let (mut count, mut bytes, mut latest) = (0, 0_u64, i128::MIN);
        for (name, stamp) in files {
            stamps.update((name.len() as u64).to_be_bytes());
            stamps.update(name);
            stamps.update(stamp.to_bytes());
            count += 1;
            bytes = bytes.saturating_add(stamp.size());
            latest = latest.max(stamp.latest_nanos());
        }
        Self {
            files: count,
            bytes,
            stamps: hex::encode(&stamps.finalize()[..16]),
            latest,
        }
    }

    /// Whether everything in it was older than the clock is coarse at `now`: then a later change
    /// gives another fingerprint.
    pub(crate) fn is_settled_at(&self, now: SystemTime) -> bool {
        is_older_than_granularity(self.latest, now)
    }
}

/// What time it is at most: the earlier of this process's clock and that of the root's file system,
/// so that neither makes a fresh change look old. None if nothing can be written there.
pub(crate) fn now_at_most(layout: &Layout) -> Option<SystemTime> {
    let file = tempfile::tempfile_in(layout.locks()).ok()?;
    let there = file.metadata().ok()?.modified().ok()?;
    Some(there.min(SystemTime::now()))
}
