//! The modes of the files of a root.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::account::{GROUP, set_mode};
use crate::call::own_original;
use crate::state::{ARTIFACTS, names_in};

/// Fails unless all files of the store have the modes and the group that follow from its root.
pub(super) fn check_modes(root: &Path) -> Result<(), String> {
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for name in names_in(&folder)? {
            let path = folder.join(&name);
            let metadata = fs::symlink_metadata(&path).map_err(|error| error.to_string())?;
            let relative = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .display()
                .to_string();
            let is_of_callers = ARTIFACTS.iter().any(|(_, file)| *file == relative);
            // Files that the calls made by themselves, or that were bad.
            if is_of_callers || relative == "original.bin" || relative.ends_with("/file") {
                continue;
            }
            let is_model = relative.starts_with("blobs/") || relative.contains("/files/");
            let expected = match (metadata.is_dir(), is_model) {
                (true, _) => 0o2770,
                (false, true) if metadata.nlink() > 1 && shares_original(root, &metadata) => 0o640,
                (false, true) => 0o440,
                (false, false) => 0o660,
            };
            let mode = metadata.permissions().mode() & 0o7777;
            let is_kept = relative.contains("damaged-") || relative.starts_with("index-v1");
            if !is_kept && (mode, metadata.gid()) != (expected, GROUP) {
                return Err(format!(
                    "{relative} has mode {mode:o} and group {}, not {expected:o} and {GROUP}",
                    metadata.gid()
                ));
            }
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(())
}

pub(super) fn mode_of(path: &Path) -> Option<u32> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some(metadata.permissions().mode() & 0o7777)
}

fn shares_original(root: &Path, metadata: &fs::Metadata) -> bool {
    fs::metadata(own_original(root)).is_ok_and(|original| original.ino() == metadata.ino())
}

/// Takes from all files what the umask of their account would have taken.
pub(super) fn apply_umask(root: &Path, umask: u32) -> Result<(), String> {
    let mut paths = vec![root.to_path_buf()];
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(names_in(&path)?.iter().map(|name| path.join(name)));
        }
        let mode = mode_of(&path).unwrap_or_default();
        if path != root {
            set_mode(&path, mode & !umask)?;
        }
    }
    Ok(())
}
