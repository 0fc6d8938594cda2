use std::fs;
use std::path::PathBuf;

use crate::account::{Account, Stage, give, set_mode};
use crate::call::Call;
use crate::state::{ARTIFACTS, CONTENT, OTHER_CONTENT, other_source, source};

/// A root of one account's own folder, shared by the group.
#[derive(Debug)]
pub struct SharedRoot {
    _folder: tempfile::TempDir,
    /// Its path.
    pub root: PathBuf,
}

impl SharedRoot {
    /// Makes one, with the files that entries name.
    pub fn new(stage: &Stage, mode: u32, owner: u32) -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let folder = tempfile::tempdir_in(stage.path()).map_err(text)?;
        set_mode(folder.path(), 0o755)?;
        let root = folder.path().join("root");
        fs::create_dir(&root).map_err(text)?;
        give(&root, owner)?;
        set_mode(&root, mode)?;
        fs::write(source(&root), CONTENT).map_err(text)?;
        fs::write(other_source(&root), OTHER_CONTENT).map_err(text)?;
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
    pub fn at(root: PathBuf) -> Result<Self, String> {
        Ok(Self {
            _folder: tempfile::tempdir().map_err(|error| error.to_string())?,
            root,
        })
    }

    /// Returns what a call answered.
    pub fn call(&self, stage: &Stage, account: Account, calls: &[Call]) -> Result<String, String> {
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
    pub fn succeed(&self, stage: &Stage, account: Account, calls: &[Call]) -> Result<(), String> {
        match self.call(stage, account, calls)?.as_str() {
            "ok" | "" => Ok(()),
            answer => Err(format!("account {}: {answer}", account.user)),
        }
    }
}
