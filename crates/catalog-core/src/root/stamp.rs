use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

/// A time longer than the clock ticks of file systems: at most 10 ms where the kernel keeps the
/// time, and two seconds on FAT. Two changes within one tick look the same.
pub(crate) const CLOCK_GRANULARITY: Duration = Duration::from_millis(2_100);

/// The identity, size and times of a file, as the file system states them.
///
/// While a file is open, its (device, inode) is not given to another file. So an equal stamp at the
/// path proves that the file was not replaced. The size and the times show an edit in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    /// The space on disk, in the 512-byte units of `stat`. It may change without a write, so it is
    /// not compared.
    allocated: Allocated,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// A number that is ignored in comparisons.
#[derive(Debug, Clone, Copy)]
struct Allocated(u64);

impl PartialEq for Allocated {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Allocated {}

impl FileStamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            allocated: Allocated(metadata.blocks()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Returns the number of the device. It may change when the file system is mounted again.
    pub(crate) fn device(&self) -> u64 {
        self.device
    }

    /// Returns the inode, the size and the times as bytes, for a digest over several stamps. The
    /// device is not included.
    pub(crate) fn to_bytes(self) -> [u8; 48] {
        let words = [
            self.inode,
            self.size,
            self.modified.0 as u64,
            self.modified.1 as u64,
            self.changed.0 as u64,
            self.changed.1 as u64,
        ];
        let mut bytes = [0; 48];
        for (word, place) in words.iter().zip(bytes.chunks_exact_mut(8)) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// Returns the later of its two times, in nanoseconds since 1970.
    pub(crate) fn latest_nanos(&self) -> i128 {
        let (seconds, nanoseconds) = self.modified.max(self.changed);
        i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
    }

    /// Returns true if both times were older than the granularity of clocks at `now`. Then each
    /// later change gives another stamp.
    pub(crate) fn is_settled_at(&self, now: SystemTime) -> bool {
        is_older_than_granularity(self.latest_nanos(), now)
    }

    /// Returns the number of bytes on disk. It is less than the size if the file has holes.
    pub(crate) fn allocated(&self) -> u64 {
        self.allocated.0.saturating_mul(512).min(self.size)
    }

    /// Returns the size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Returns true if both stamps are of the same file, with any content.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }

    /// Returns the numbers of the device and of the inode.
    pub(crate) fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Returns true if both stamps are of the same file with the same content, according to size
    /// and modification time. A new link or permission changes neither.
    pub(crate) fn is_same_content(&self, other: &Self) -> bool {
        self.is_same_file(other) && (self.size, self.modified) == (other.size, other.modified)
    }
}

/// Returns true if a time in nanoseconds since 1970 is older than the granularity of clocks.
pub(crate) fn is_older_than_granularity(nanos: i128, now: SystemTime) -> bool {
    let granularity = CLOCK_GRANULARITY.as_nanos() as i128;
    let now = now.duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_nanos() as i128);
    nanos < now.saturating_sub(granularity)
}
