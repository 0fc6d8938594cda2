//! What the standard library does not offer of file systems. Without the feature `native-fs`
//! nothing of it is known: no free space, no shared extents.

use std::fs::File;
use std::io;
use std::path::Path;

/// How an attempt to share the extents of a file went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reflink {
    /// Both files share their extents.
    #[cfg_attr(
        not(all(feature = "native-fs", target_os = "linux")),
        expect(dead_code, reason = "known to be possible only there")
    )]
    Done,
    /// This file system, or this pair of them, has none to share.
    Unsupported,
}

/// Lets an empty file share all extents of another (`FICLONE`).
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

/// How many bytes this account can still write to the file system of a path; none if unknown.
#[cfg(feature = "native-fs")]
pub(crate) fn free_space(path: &Path) -> io::Result<Option<u64>> {
    let space = rustix::fs::statvfs(path)?;
    Ok(Some(space.f_bavail.saturating_mul(space.f_frsize)))
}

#[cfg(not(feature = "native-fs"))]
pub(crate) fn free_space(_: &Path) -> io::Result<Option<u64>> {
    Ok(None)
}

/// Sets the time of modification of a file to the present, which the members of its group may do,
/// too. A link is not followed.
#[cfg(feature = "native-fs")]
pub(crate) fn touch(path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, utimensat};
    let only = |nanoseconds| Timespec {
        tv_sec: 0,
        tv_nsec: nanoseconds,
    };
    let times = Timestamps {
        last_access: only(UTIME_OMIT),
        last_modification: only(UTIME_NOW),
    };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

#[cfg(not(feature = "native-fs"))]
pub(crate) fn touch(path: &Path) -> io::Result<()> {
    File::open(path)?.set_modified(std::time::SystemTime::now())
}
