//! The ways in which a file or folder of a root is lost or becomes something else.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::mounts::run;

/// The account that owns what is foreign.
const STRANGER: u32 = 61_009;

/// A harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Harm {
    Missing,
    /// Without its bytes, or without all that it held.
    Emptied,
    /// A file without its second half.
    Cut,
    Pipe,
    Socket,
    /// A device whose bytes never end.
    Device,
    DanglingLink,
    /// A link to a copy of it outside of the root.
    LinkOut,
    /// A folder in the place of a file, or a file in the place of a folder.
    OtherKind,
    /// Of another account, for itself.
    Foreign,
    /// Without any permission.
    NoMode,
}

impl Harm {
    pub(super) const ALL: [Self; 11] = [
        Self::Missing,
        Self::Emptied,
        Self::Cut,
        Self::Pipe,
        Self::Socket,
        Self::Device,
        Self::DanglingLink,
        Self::LinkOut,
        Self::OtherKind,
        Self::Foreign,
        Self::NoMode,
    ];

    /// Whether the harm can be done to a folder, or to a file.
    pub(super) fn fits(self, is_folder: bool) -> bool {
        !is_folder || self != Self::Cut
    }

    /// Whether an administrator has to undo it, as the error says.
    pub(super) fn is_of_permissions(self) -> bool {
        matches!(self, Self::Foreign | Self::NoMode)
    }

    /// Does it to a file or folder. `outside` is a folder outside of the root, which receives copies.
    pub(super) fn harm(self, path: &Path, outside: &Path) -> Result<(), String> {
        let text = |error: io::Error| format!("{}: {error}", path.display());
        let owner = fs::symlink_metadata(path).map_err(text)?;
        let is_folder = owner.is_dir();
        match self {
            Self::Missing => return remove(path).map_err(text),
            Self::Emptied | Self::Cut if !is_folder => {
                let len = match self {
                    Self::Cut => owner.len() / 2,
                    _ => 0,
                };
                let file = fs::File::options().write(true).open(path);
                return file.and_then(|file| file.set_len(len)).map_err(text);
            }
            Self::Foreign => {
                chown(path, Some(STRANGER), Some(STRANGER)).map_err(text)?;
                let mode = if is_folder { 0o700 } else { 0o600 };
                return set_mode(path, mode).map_err(text);
            }
            Self::NoMode => return set_mode(path, 0).map_err(text),
            Self::LinkOut => {
                let (from, to) = (path.display().to_string(), outside.join("copy"));
                run("cp", &["-a", &from, &to.display().to_string()])?;
            }
            _ => {}
        }
        remove(path).map_err(text)?;
        match self {
            Self::Pipe => run("mkfifo", &["-m", "666", &path.display().to_string()])?,
            Self::Socket => bind_socket(path).map_err(text)?,
            // The one that never ends, `/dev/zero`.
            Self::Device => {
                let path = path.display().to_string();
                run("mknod", &["-m", "666", &path, "c", "1", "5"])?;
            }
            Self::DanglingLink => symlink("/nowhere/at/all", path).map_err(text)?,
            Self::LinkOut => symlink(outside.join("copy"), path).map_err(text)?,
            Self::OtherKind if is_folder => fs::write(path, "no folder").map_err(text)?,
            _ => fs::create_dir(path).map_err(text)?,
        }
        lchown(path, Some(owner.uid()), Some(owner.gid())).map_err(text)?;
        if path.is_dir() {
            set_mode(path, 0o2770).map_err(text)?;
        }
        Ok(())
    }
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn remove(path: &Path) -> io::Result<()> {
    match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
}

/// Binds a socket at a path, which may be longer than the path of a socket can be.
fn bind_socket(path: &Path) -> io::Result<()> {
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    let short = tempfile::tempdir()?;
    let link = short.path().join("f");
    symlink(folder, &link)?;
    UnixListener::bind(link.join(path.file_name().unwrap_or_default())).map(drop)
}
