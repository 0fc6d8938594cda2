//! Rename operations that the standard library lacks.

use std::fs;
use std::io;
use std::path::Path;

use super::resolve::is_absence;

/// The result of an attempt to exchange two names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchange {
    /// The two names are exchanged.
    #[cfg_attr(
        not(all(feature = "native-fs", target_os = "linux")),
        expect(dead_code, reason = "known to be possible only there")
    )]
    Done,
    /// This file system or operating system cannot exchange two names in one step.
    Unsupported,
}

/// Renames a file to a name that is not in use. Where the kernel cannot refuse a name that is in
/// use, the name is checked before the rename.
pub(super) fn rename_to_free_name(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(all(feature = "native-fs", target_os = "linux"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            done => return Ok(done?),
        }
    }
    match fs::symlink_metadata(to) {
        Err(error) if is_absence(&error) => fs::rename(from, to),
        Err(error) => Err(error),
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
    }
}

/// Exchanges two files in one step. All readers see both changes at once.
#[cfg(all(feature = "native-fs", target_os = "linux"))]
pub(super) fn exchange(a: &Path, b: &Path) -> io::Result<Exchange> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(Exchange::Done),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(Exchange::Unsupported),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(all(feature = "native-fs", target_os = "linux")))]
pub(super) fn exchange(_: &Path, _: &Path) -> io::Result<Exchange> {
    Ok(Exchange::Unsupported)
}
