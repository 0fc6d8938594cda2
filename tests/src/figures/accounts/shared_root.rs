//! A root that accounts share by their group.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::call::{Call, own_original};
use crate::account::{Account, GROUP, Stage, give, set_mode};
use crate::state::{ARTIFACTS, CONTENT, names_in, source};

/// A root of one account's own folder, shared by the group.
pub(super) struct SharedRoot {
    _folder: tempfile::TempDir,
    pub(super) root: PathBuf,
}

impl SharedRoot {
    pub(super) fn new(stage: &Stage, mode: u32, owner: u32) -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let folder = tempfile::tempdir_in(stage.path()).map_err(text)?;
        set_mode(folder.path(), 0o755)?;
        let root = folder.path().join("root");
        fs::create_dir(&root).map_err(text)?;
        give(&root, owner)?;
        set_mode(&root, mode)?;
        fs::write(source(&root), CONTENT).map_err(text)?;
        // The files that entries name are those of their makers, with modes of their own.
        for (_, name) in ARTIFACTS {
            let path = root.join(name);
            fs::write(&path, name).map_err(text)?;
            give(&path, owner)?;
            set_mode(&path, 0o640)?;
        }
        Ok(Self {
            _folder: folder,
            root,
        })
    }

    /// The root at a path, which the caller made.
    pub(super) fn at(root: PathBuf) -> Result<Self, String> {
        Ok(Self {
            _folder: tempfile::tempdir().map_err(|error| error.to_string())?,
            root,
        })
    }

    /// Returns what a call answered.
    pub(super) fn call(
        &self,
        stage: &Stage,
        account: Account,
        calls: &[Call],
    ) -> Result<String, String> {
        let names: Vec<String> = calls.iter().map(|call| call.name()).collect();
        let mut arguments = vec!["--account", self.root.to_str().unwrap_or_default()];
        arguments.extend(names.iter().map(String::as_str));
        let output = stage.command(account, &arguments).output();
        let output = output.map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        match output.status.success() {
            true => Ok(text),
            false => Err(format!(
                "{}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }

    /// Fails unless calls are answered with `ok`.
    pub(super) fn succeed(
        &self,
        stage: &Stage,
        account: Account,
        calls: &[Call],
    ) -> Result<(), String> {
        match self.call(stage, account, calls)?.as_str() {
            "ok" | "" => Ok(()),
            answer => Err(format!("account {}: {answer}", account.user)),
        }
    }
}

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
