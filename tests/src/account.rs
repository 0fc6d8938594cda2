use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mounts::run;
use crate::strace::program;

/// The group whose members share a root.
pub const GROUP: u32 = 62_000;

/// An account of this host, as it needs no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// The user id, which is also the id of its own group.
    pub user: u32,
    /// The umask of its processes.
    pub umask: u32,
    /// Whether it is a member of [`GROUP`].
    pub is_member: bool,
}

/// A folder where each account can run this program.
#[derive(Debug)]
pub struct Stage {
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Stage {
    /// Makes one. The reason if this process may not become another account.
    pub fn new() -> Result<Self, String> {
        run("setpriv", &["--reuid", "61001", "--clear-groups", "true"])?;
        let text = |error: std::io::Error| error.to_string();
        let folder = tempfile::tempdir().map_err(text)?;
        set_mode(folder.path(), 0o755)?;
        let copy = folder.path().join("scoreboard");
        fs::copy(program(), &copy).map_err(text)?;
        set_mode(&copy, 0o755)?;
        Ok(Self {
            program: copy,
            folder,
        })
    }

    /// Returns its path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the command by which an account runs this program with some arguments.
    pub fn command(&self, account: Account, arguments: &[&str]) -> Command {
        let user = account.user.to_string();
        let group = GROUP.to_string();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &user, "--regid", &user]);
        match account.is_member {
            true => command.args(["--groups", &group]),
            false => command.arg("--clear-groups"),
        };
        let with_umask = format!("umask {:o}; exec \"$0\" \"$@\"", account.umask);
        command.args(["sh", "-c", &with_umask]);
        command.arg(&self.program).args(arguments);
        command
    }
}

/// Gives a file or folder to an account, with the group that shares the root.
pub fn give(path: &Path, user: u32) -> Result<(), String> {
    chown(path, Some(user), Some(GROUP)).map_err(|error| format!("{}: {error}", path.display()))
}

/// Changes the mode of a file or folder.
pub fn set_mode(path: &Path, mode: u32) -> Result<(), String> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| format!("{}: {error}", path.display()))
}
