use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::root::{CLOCK_GRANULARITY, FileStamp};

/// The time after a check of the path during which readers check only the open handle. During this
/// time, a reader does not notice that a root was moved or that another file system was mounted
/// over it. Writers check the root itself.
const PATH_TRUST: Duration = Duration::from_micros(100);

/// The file that a snapshot was read from. It stays open, to check whether it is still the file of
/// the index.
///
/// While the handle is open, no other file can get the inode of this file. So if the path has the
/// same stamp, the file was not replaced. In a burst of reads, only the handle is checked, because
/// that costs less: replacing, renaming, deleting or editing a file also changes its time of
/// change. Two changes within one clock tick look the same, so this check is used only after the
/// handle is older than the granularity of clocks.
#[derive(Debug)]
pub(super) struct Source {
    file: File,
    stamp: FileStamp,
    opened: Instant,
    /// The end of the trust in the path, in nanoseconds after `opened`.
    path_trusted_until: AtomicU64,
}

impl Source {
    pub(super) fn new(file: File, metadata: &Metadata) -> Self {
        Self {
            file,
            stamp: FileStamp::of(metadata),
            opened: Instant::now(),
            path_trusted_until: AtomicU64::new(0),
        }
    }

    /// Returns true if `path` leads to this file and its content is the one that was read.
    pub(super) fn is_current_at(&self, path: &Path) -> io::Result<bool> {
        let age = self.opened.elapsed();
        let now = age.as_nanos() as u64;
        if now < self.path_trusted_until.load(Ordering::Relaxed) {
            return Ok(FileStamp::of(&self.file.metadata()?) == self.stamp);
        }
        let is_current = match fs::symlink_metadata(path) {
            Ok(metadata) => FileStamp::of(&metadata) == self.stamp,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if is_current && age > CLOCK_GRANULARITY {
            let until = now + PATH_TRUST.as_nanos() as u64;
            self.path_trusted_until.store(until, Ordering::Relaxed);
        }
        Ok(is_current)
    }
}
