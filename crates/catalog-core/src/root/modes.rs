use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use tempfile::TempDir;

use super::layout::Layout;
use super::native::open_unfollowed;
use super::rename::rename_to_free_name;
use super::walk::list_folder;
use crate::error::{CatalogError, Result};

/// The modes of new files and folders of a store. They depend on the mode of its root and not on
/// the umask of the process, so all accounts that may use the root may use its content. A later
/// change of the mode of the root affects new files only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Modes {
    /// The mode of folders: the permissions and the setgid bit of the root. The setgid bit gives
    /// all files the group of the root.
    pub(crate) folder: u32,
    /// The mode of files: the permissions of the root without the execute bits.
    pub(crate) file: u32,
    /// The mode of blobs: like that of files, but without the write bits, so that no program
    /// damages a model by accident.
    pub(crate) blob: u32,
}

impl Modes {
    /// Determines the modes of new files from the root.
    pub(crate) fn of(layout: &Layout) -> io::Result<Self> {
        let metadata = fs::metadata(layout.root())?;
        Ok(Self::of_root(metadata.permissions().mode()))
    }

    /// Returns the modes for a root with this mode. The owner always has full access.
    fn of_root(mode: u32) -> Self {
        Self {
            folder: (mode & 0o2777) | 0o700,
            file: (mode & 0o666) | 0o600,
            blob: (mode & 0o444) | 0o400,
        }
    }
}

/// Creates a file of the store, which must not exist yet. No other account may look for this name
/// before the file is published.
pub(crate) fn create_file(layout: &Layout, path: &Path) -> io::Result<File> {
    create_with_mode(path, Modes::of(layout)?.file)
}

/// Creates a file of the store at a path that other processes may read at any time. The file has
/// its final mode as soon as it is visible.
pub(super) fn create_visible_file(layout: &Layout, path: &Path) -> io::Result<File> {
    let mode = Modes::of(layout)?.file;
    create_at_once(layout, path, mode, |path| create_with_mode(path, mode))
}

fn create_with_mode(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(mode);
    let file = options.open(path)?;
    set_mode(&file, mode)?;
    Ok(file)
}

/// Creates a folder of the store, which must not exist yet. It has its final mode as soon as it is
/// visible.
pub(super) fn create_folder(layout: &Layout, path: &Path) -> io::Result<()> {
    let mode = Modes::of(layout)?.folder;
    let create = |path: &Path| {
        DirBuilder::new().mode(mode & 0o777).create(path)?;
        open_unfollowed(path)
    };
    create_at_once(layout, path, mode, create).map(drop)
}

/// Creates a file or folder. If the umask would remove a part of its mode, the file is created
/// under a temporary name, and gets its final name after its mode.
fn create_at_once(
    layout: &Layout,
    path: &Path,
    mode: u32,
    create: impl Fn(&Path) -> io::Result<File>,
) -> io::Result<File> {
    /// The maximum number of attempts. It is more than the number of processes that may remove the
    /// temporary file at the same time.
    const ATTEMPTS: usize = 100;
    if mode & umask() == 0 {
        return create(path);
    }
    let mut attempts = 0..ATTEMPTS;
    loop {
        let new = layout.unique_new();
        let created = create(&new).and_then(|file| {
            set_mode(&file, mode)?;
            rename_to_free_name(&new, path)?;
            Ok(file)
        });
        match created {
            // A writer removed the file as the leftover of a dead process. Try again.
            Err(error) if error.kind() == io::ErrorKind::NotFound && attempts.next().is_some() => {}
            Err(error) => {
                drop(fs::remove_file(&new).or_else(|_| fs::remove_dir(&new)));
                return Err(error);
            }
            created => return created,
        }
    }
}

/// Returns the umask of this process, as proc(5) shows it. Returns all permissions if the umask
/// cannot be read.
fn umask() -> u32 {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    let umask = line.and_then(|text| u32::from_str_radix(text.trim(), 8).ok());
    umask.unwrap_or(0o777)
}

/// Creates a folder of the store and its missing parents. Does not sync them.
pub(crate) fn create_folders(layout: &Layout, path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_folders(layout, parent)?;
    }
    match create_folder(layout, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        done => done,
    }
}

/// Creates a folder of the store with a random name in `parent`. The folder is removed when the
/// result is dropped, unless the caller keeps it.
pub(crate) fn create_unique_folder(layout: &Layout, parent: &Path) -> Result<TempDir> {
    let create = || {
        let mode = Modes::of(layout)?.folder;
        let folder = tempfile::Builder::new()
            .prefix("")
            .rand_bytes(16)
            .permissions(Permissions::from_mode(mode & 0o777))
            .tempdir_in(parent)?;
        set_mode(&open_unfollowed(folder.path())?, mode)?;
        Ok(folder)
    };
    create().map_err(|error: io::Error| CatalogError::io("create a folder in", parent, error))
}

/// Gives a folder and all folders below it the mode of the folders of the store. Another program
/// may have created folders that other accounts cannot use or remove.
pub(crate) fn set_modes_of_folders(layout: &Layout, folder: &Path) -> Result<()> {
    let failed = |path: &Path, error| CatalogError::io("change the mode of", path, error);
    let mode = Modes::of(layout)
        .map_err(|error| failed(folder, error))?
        .folder;
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        open_unfollowed(&folder)
            .and_then(|opened| set_mode(&opened, mode))
            .map_err(|error| failed(&folder, error))?;
        let entries = list_folder(&folder)?.into_iter();
        folders.extend(
            entries
                .filter(|(_, kind)| kind.is_dir())
                .map(|(path, _)| path),
        );
    }
    Ok(())
}

/// Sets the mode of a file or folder of this account, unless it has that mode already. Does nothing
/// on a file system without modes.
pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    let now = file.metadata()?.permissions().mode() & 0o7777;
    if now == mode {
        return Ok(());
    }
    match file.set_permissions(Permissions::from_mode(mode)) {
        // On other file systems, the owner of a file may always change its mode.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CAT-404
    #[test]
    fn modes_follow_from_the_root() {
        for (root, folder, file, blob) in [
            (0o2770, 0o2770, 0o660, 0o440),
            (0o755, 0o755, 0o644, 0o444),
            (0o700, 0o700, 0o600, 0o400),
            (0o1777, 0o777, 0o666, 0o444),
            (0o040, 0o740, 0o640, 0o440),
        ] {
            let expected = Modes { folder, file, blob };
            assert_eq!(Modes::of_root(root), expected, "{root:o}");
        }
    }
}
