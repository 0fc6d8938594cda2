//! Lists and removes folders without the functions of the standard library. Those panic when
//! closing a folder fails, which can happen on a network file system.

use std::ffi::OsString;
use std::io;
use std::path::Path;

/// The kind of an entry in a folder. Links are not followed.
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
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::os::unix::ffi::OsStrExt;

    use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, openat, statat, unlinkat};

    use super::{EntryKind, OsString, Path, io};

    pub(in crate::root) fn list(folder: &Path) -> io::Result<Vec<(OsString, EntryKind)>> {
        let mut opened = Dir::new(open(CWD, folder.as_os_str(), OFlags::empty())?)?;
        list_open(&mut opened)
    }

    /// Removes a folder and its content. Each folder is opened through its parent, and never
    /// through a link. Only one folder is open at a time, and no path is formed, so folders of any
    /// depth can be removed.
    pub(in crate::root) fn remove_tree(folder: &Path) -> io::Result<()> {
        let mut current = OpenFolder::open(open(CWD, folder.as_os_str(), OFlags::NOFOLLOW)?)?;
        let mut above: Vec<Level> = Vec::new();
        loop {
            if let Some(name) = current.folders.pop() {
                let inner = open(current.fd(), &name, OFlags::NOFOLLOW)?;
                above.push(Level {
                    identity: current.identity,
                    name,
                    folders: current.folders,
                });
                current = OpenFolder::open(inner)?;
                continue;
            }
            let Some(level) = above.pop() else {
                break;
            };
            let outer = open(current.fd(), OsStr::new(".."), OFlags::empty())?;
            if identity_of(outer.as_fd())? != level.identity {
                return Err(io::Error::other("a folder in it was moved during the call"));
            }
            remove(outer.as_fd(), &level.name, AtFlags::REMOVEDIR)?;
            current = OpenFolder {
                fd: outer,
                identity: level.identity,
                folders: level.folders,
            };
        }
        Ok(unlinkat(CWD, folder, AtFlags::REMOVEDIR)?)
    }

    /// A folder whose files are removed already. Its subfolders are not.
    struct OpenFolder {
        fd: OwnedFd,
        identity: (u64, u64),
        folders: Vec<OsString>,
    }

    /// A parent of the open folder.
    struct Level {
        identity: (u64, u64),
        /// The name of the subfolder that is open, or that contains the open folder.
        name: OsString,
        folders: Vec<OsString>,
    }

    impl OpenFolder {
        /// Takes an open folder, and removes the files in it.
        fn open(fd: OwnedFd) -> io::Result<Self> {
            let mut listed = Dir::read_from(&fd)?;
            let mut folders = Vec::new();
            for (name, kind) in list_open(&mut listed)? {
                match kind.is_dir() {
                    true => folders.push(name),
                    false => remove(fd.as_fd(), &name, AtFlags::empty())?,
                }
            }
            Ok(Self {
                identity: identity_of(fd.as_fd())?,
                fd,
                folders,
            })
        }

        fn fd(&self) -> BorrowedFd<'_> {
            self.fd.as_fd()
        }
    }

    fn remove(at: BorrowedFd<'_>, name: &OsStr, flags: AtFlags) -> io::Result<()> {
        match unlinkat(at, name, flags) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn identity_of(folder: BorrowedFd<'_>) -> io::Result<(u64, u64)> {
        let found = fstat(folder)?;
        Ok((found.st_dev, found.st_ino))
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
                // Some file systems do not return the kind.
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
