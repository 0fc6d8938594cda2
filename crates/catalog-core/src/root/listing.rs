//! Listing and removing folders without the standard library's: that panics when closing a folder
//! fails, as it may on a network's file system.

use std::ffi::OsString;
use std::io;
use std::path::Path;

/// The kind of an entry of a folder, without following links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Folder,
    Link,
    Other,
}

impl EntryKind {
    pub(crate) fn is_dir(self) -> bool {
        self == Self::Folder
    }

    pub(crate) fn is_symlink(self) -> bool {
        self == Self::Link
    }
}

#[cfg(feature = "native-fs")]
mod imp {
    use std::ffi::OsStr;
    use std::os::fd::{BorrowedFd, OwnedFd};
    use std::os::unix::ffi::OsStrExt;

    use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat, unlinkat};

    use super::{EntryKind, OsString, Path, io};

    pub(in crate::root) fn list(folder: &Path) -> io::Result<Vec<(OsString, EntryKind)>> {
        let mut opened = Dir::new(open(CWD, folder.as_os_str(), OFlags::empty())?)?;
        list_open(&mut opened)
    }

    /// Each folder is opened in the one above it, never through a link.
    pub(in crate::root) fn remove_tree(folder: &Path) -> io::Result<()> {
        empty(open(CWD, folder.as_os_str(), OFlags::NOFOLLOW)?)?;
        Ok(unlinkat(CWD, folder, AtFlags::REMOVEDIR)?)
    }

    fn empty(folder: OwnedFd) -> io::Result<()> {
        let mut opened = Dir::new(folder)?;
        let entries = list_open(&mut opened)?;
        let folder = opened.fd()?;
        for (name, kind) in entries {
            let flags = if kind.is_dir() {
                empty(open(folder, &name, OFlags::NOFOLLOW)?)?;
                AtFlags::REMOVEDIR
            } else {
                AtFlags::empty()
            };
            match unlinkat(folder, &name, flags) {
                Ok(()) | Err(rustix::io::Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn open(at: BorrowedFd<'_>, name: &OsStr, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(openat(at, name, flags, Mode::empty())?)
    }

    fn list_open(folder: &mut Dir) -> io::Result<Vec<(OsString, EntryKind)>> {
        let mut entries = Vec::new();
        while let Some(entry) = folder.read() {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let kind = match entry.file_type() {
                // Not every file system tells.
                FileType::Unknown => match statat(folder.fd()?, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                    Err(rustix::io::Errno::NOENT) => continue,
                    Err(error) => return Err(error.into()),
                },
                kind => kind,
            };
            let kind = match kind {
                FileType::Directory => EntryKind::Folder,
                FileType::Symlink => EntryKind::Link,
                _ => EntryKind::Other,
            };
            entries.push((name.to_owned(), kind));
        }
        Ok(entries)
    }
}

#[cfg(not(feature = "native-fs"))]
mod imp {
    use std::fs;

    use super::{EntryKind, OsString, Path, io};

    pub(in crate::root) fn list(folder: &Path) -> io::Result<Vec<(OsString, EntryKind)>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let kind = match (kind.is_dir(), kind.is_symlink()) {
                (true, _) => EntryKind::Folder,
                (_, true) => EntryKind::Link,
                _ => EntryKind::Other,
            };
            entries.push((entry.file_name(), kind));
        }
        Ok(entries)
    }

    pub(in crate::root) fn remove_tree(folder: &Path) -> io::Result<()> {
        fs::remove_dir_all(folder)
    }
}

pub(super) use imp::{list, remove_tree};
