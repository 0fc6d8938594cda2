use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

/// More than the ticks in which file systems tell the time: 10 ms at most where the kernel keeps
/// it, two seconds on FAT. Two changes within one tick look alike.
pub(crate) const CLOCK_GRANULARITY: Duration = Duration::from_millis(2_100);

/// The identity, size and times of a file, as the file system states them.
///
/// While a handle on the file is open its (device, inode) cannot be given to another file, so an
/// equal stamp of the path proves that nobody replaced the file, and size and times catch an edit
/// in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    /// The space on disk, in the units of 512 bytes of `stat`. Not compared: it may change by
    /// itself.
    allocated: Allocated,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// A number that makes no difference.
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

    /// Returns the number of the device. It differs after the file system is mounted again.
    pub(crate) fn device(&self) -> u64 {
        self.device
    }

    /// Returns everything but the device as bytes: inode, size and times, for a digest over several.
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

    /// The later of its times, in nanoseconds since 1970.
    pub(crate) fn latest_nanos(&self) -> i128 {
        let (seconds, nanoseconds) = self.modified.max(self.changed);
        i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
    }

    /// Returns true if its times were older than the granularity of clocks at `now`: then a later
    /// change gives another stamp.
    pub(crate) fn is_settled_at(&self, now: SystemTime) -> bool {
        is_older_than_granularity(self.latest_nanos(), now)
    }

    /// How many bytes of disk it takes; less than its size if it has holes.
    pub(crate) fn allocated(&self) -> u64 {
        self.allocated.0.saturating_mul(512).min(self.size)
    }

    /// The size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether both stamps are of one file, whatever its content.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }

    /// Returns the numbers of the device and of the inode.
    pub(crate) fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Whether both stamps are of one file with the same content, as far as size and modification
    /// time tell. A new link or permission changes neither.
    pub(crate) fn is_same_content(&self, other: &Self) -> bool {
        self.is_same_file(other) && (self.size, self.modified) == (other.size, other.modified)
    }
}

/// Returns true if a time, in nanoseconds since 1970, lies further back than the granularity of
/// clocks.
pub(crate) fn is_older_than_granularity(nanos: i128, now: SystemTime) -> bool {
    let granularity = CLOCK_GRANULARITY.as_nanos() as i128;
    let now = now.duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_nanos() as i128);
    nanos < now.saturating_sub(granularity)
}
