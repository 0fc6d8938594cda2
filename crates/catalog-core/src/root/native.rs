//! Facts and operations of file systems that the standard library lacks. Without the feature
//! `native-fs`, free space, shared extents, and the kinds and ids of file systems are unknown.

use std::fs::File;
use std::io;
use std::path::Path;

/// The result of an attempt to share the extents of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reflink {
    /// Both files share their extents.
    #[cfg_attr(
        not(all(feature = "native-fs", target_os = "linux")),
        expect(dead_code, reason = "known to be possible only there")
    )]
    Done,
    /// The file system does not support shared extents, or not between these two files.
    Unsupported,
}

/// Makes an empty file share all extents of another file (`FICLONE`).
#[cfg(all(feature = "native-fs", target_os = "linux"))]
pub(crate) fn clone_file(source: &File, target: &File) -> io::Result<Reflink> {
    use rustix::io::Errno;
    match rustix::fs::ioctl_ficlone(target, source) {
        Ok(()) => Ok(Reflink::Done),
        Err(
            Errno::OPNOTSUPP
            | Errno::XDEV
            | Errno::INVAL
            | Errno::NOTTY
            | Errno::NOSYS
            | Errno::TXTBSY,
        ) => Ok(Reflink::Unsupported),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(all(feature = "native-fs", target_os = "linux")))]
pub(crate) fn clone_file(_: &File, _: &File) -> io::Result<Reflink> {
    Ok(Reflink::Unsupported)
}

/// Makes freed blocks usable on the file system of a file. Some file systems (btrfs) keep freed
/// blocks until everything is synced.
#[cfg(all(feature = "native-fs", target_os = "linux"))]
pub(crate) fn sync_file_system(file: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(file)?)
}

#[cfg(not(all(feature = "native-fs", target_os = "linux")))]
pub(crate) fn sync_file_system(file: &File) -> io::Result<()> {
    file.sync_all()
}

/// Returns true if a file is on btrfs. There, a write takes new blocks unless the file has a flag
/// against that, and the blocks of a truncated file become free only in whole extents.
#[cfg(all(feature = "native-fs", target_os = "linux"))]
pub(super) fn is_on_btrfs(file: &File) -> bool {
    rustix::fs::fstatfs(file).is_ok_and(|found| found.f_type as u32 == 0x9123_683E)
}

#[cfg(not(all(feature = "native-fs", target_os = "linux")))]
pub(super) fn is_on_btrfs(_: &File) -> bool {
    false
}

/// Makes later writes to a file, which is empty now, overwrite its existing blocks, also on btrfs.
/// Best effort.
#[cfg(all(feature = "native-fs", target_os = "linux"))]
pub(super) fn write_over_in_place(file: &File) {
    use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
    if is_on_btrfs(file)
        && let Ok(flags) = ioctl_getflags(file)
    {
        let _ = ioctl_setflags(file, flags | IFlags::NOCOW);
    }
}

#[cfg(not(all(feature = "native-fs", target_os = "linux")))]
pub(super) fn write_over_in_place(_: &File) {}

/// Opens a file or folder for reading. Does not follow a link, and does not wait for a pipe.
#[cfg(feature = "native-fs")]
pub(super) fn open_unfollowed(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = std::fs::OpenOptions::new();
    options.read(true).custom_flags(flags.bits() as i32);
    options.open(path)
}

#[cfg(not(feature = "native-fs"))]
pub(super) fn open_unfollowed(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Opens a folder. Does not wait for a pipe that is at the path.
#[cfg(feature = "native-fs")]
pub(super) fn open_folder(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    options.custom_flags(OFlags::DIRECTORY.bits() as i32);
    options.open(path)
}

#[cfg(not(feature = "native-fs"))]
pub(super) fn open_folder(path: &Path) -> io::Result<File> {
    match std::fs::symlink_metadata(path)?.is_dir() {
        true => File::open(path),
        false => Err(io::ErrorKind::NotADirectory.into()),
    }
}

/// Returns the number of bytes that this account can still write to the file system of a path, if
/// it is known.
#[cfg(feature = "native-fs")]
pub(crate) fn free_space(path: &Path) -> io::Result<Option<u64>> {
    let space = rustix::fs::statvfs(path)?;
    Ok(Some(space.f_bavail.saturating_mul(space.f_frsize)))
}

#[cfg(not(feature = "native-fs"))]
pub(crate) fn free_space(_: &Path) -> io::Result<Option<u64>> {
    Ok(None)
}

/// Sets the access and modification times of a file to the current time. The members of its group
/// may do that, too. Does not follow a link.
#[cfg(feature = "native-fs")]
pub(crate) fn touch(path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    // Only the owner may set just one of the two times.
    let times = Timestamps {
        last_access: now,
        last_modification: now,
    };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

#[cfg(not(feature = "native-fs"))]
pub(crate) fn touch(path: &Path) -> io::Result<()> {
    File::open(path)?.set_modified(std::time::SystemTime::now())
}

/// Returns the number of the kind of the file system of a path (`f_type`), if it is known.
#[cfg(all(feature = "native-fs", target_os = "linux"))]
pub(super) fn kind_number(path: &Path) -> Option<u32> {
    let found = rustix::fs::statfs(path).ok()?;
    // The type of the field depends on the processor. All numbers have 32 bits.
    Some(found.f_type as u32)
}

#[cfg(not(all(feature = "native-fs", target_os = "linux")))]
pub(super) fn kind_number(_: &Path) -> Option<u32> {
    None
}

/// Returns the id that the file system of a path states (`f_fsid`), if it is known. The id is
/// stable for some kinds of file systems only.
#[cfg(all(feature = "native-fs", target_os = "linux"))]
pub(super) fn file_system_id(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_fsid).filter(|id| *id != 0)
}

#[cfg(not(all(feature = "native-fs", target_os = "linux")))]
pub(super) fn file_system_id(_: &Path) -> Option<u64> {
    None
}

/// Returns the number of the mount of a path, if it is known. The number is valid until the next
/// boot.
#[cfg(all(feature = "native-fs", target_os = "linux"))]
pub(super) fn mount_number(path: &Path) -> Option<u64> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    /// `STATX_MNT_ID_UNIQUE`, since Linux 6.8: no later mount gets the same number.
    const UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);
    let found = statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID | UNIQUE).ok()?;
    let known = StatxFlags::from_bits_retain(found.stx_mask);
    known
        .intersects(StatxFlags::MNT_ID | UNIQUE)
        .then_some(found.stx_mnt_id)
}

#[cfg(not(all(feature = "native-fs", target_os = "linux")))]
pub(super) fn mount_number(_: &Path) -> Option<u64> {
    None
}
