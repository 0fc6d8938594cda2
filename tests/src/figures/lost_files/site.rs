//! A root in which one thing is harmed, the calls that one account makes on the root, and the files
//! that no call may lose.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use crate::account::{Account, Stage, set_mode};
use crate::call::Call;
use crate::mounts::{Mount, run};
use crate::shared_root::SharedRoot;
use crate::state::{CONTENT, OTHER_CONTENT, files_below, names_in};
use crate::steps::Step;

/// The account that uses the root.
const OWNER: Account = Account {
    user: 61_001,
    umask: 0o027,
    is_member: true,
};

/// The time after which a call hangs, in seconds.
const HANGS: &str = "60";

/// The roots of the figure, in memory.
pub(super) struct Site {
    stage: Stage,
    memory: Mount,
    original: SharedRoot,
}

impl Site {
    /// Makes the root that all others are copies of. The reason if this machine cannot.
    pub(super) fn new() -> Result<Self, String> {
        let stage = Stage::new()?;
        let memory = Mount::in_memory("size=1g,nr_inodes=1m")?;
        set_mode(&memory.path(), 0o755)?;
        // The folder of the mount is a temporary one, which only its owner may enter.
        set_mode(memory.path().parent().unwrap_or(Path::new("/")), 0o755)?;
        let original = SharedRoot::new(&stage, 0o2770, OWNER.user)?;
        original.succeed(&stage, OWNER, &Call::ALL_MADE)?;
        original.succeed(&stage, OWNER, &[Call::Abandon])?;
        Ok(Self {
            stage,
            memory,
            original,
        })
    }

    /// Returns the files and folders of the store, relative to the root, and whether each is a folder.
    pub(super) fn targets(&self) -> Result<Vec<(PathBuf, bool)>, String> {
        let root = &self.original.root;
        let mut all = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            let mut names = names_in(&folder)?;
            names.sort();
            for path in names.into_iter().map(|name| folder.join(name)) {
                let relative = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
                let is_folder = path.is_dir();
                let is_of_user = ["model-", "engine-"]
                    .iter()
                    .any(|name| relative.to_string_lossy().starts_with(name));
                if is_folder {
                    folders.push(path);
                }
                if !is_of_user {
                    all.push((relative, is_folder));
                }
            }
        }
        Ok(all)
    }

    /// Copies the root, with all links, owners and modes.
    pub(super) fn copy(&self, number: usize) -> Result<Copy<'_>, String> {
        let folder = self.memory.path().join(number.to_string());
        let from = self.original.root.parent().unwrap_or(Path::new("/"));
        let to = folder.display().to_string();
        run("cp", &["-a", &from.display().to_string(), &to])?;
        let outside = folder.join("outside");
        fs::create_dir(&outside).map_err(|error| error.to_string())?;
        crate::account::give(&outside, OWNER.user)?;
        fs::write(outside.join("other"), "of a user").map_err(|error| error.to_string())?;
        Ok(Copy {
            site: self,
            shared: SharedRoot::at(folder.join("root"))?,
            folder,
        })
    }
}

/// A copy of the root, removed at its end.
pub(super) struct Copy<'s> {
    site: &'s Site,
    shared: SharedRoot,
    folder: PathBuf,
}

impl Copy<'_> {
    pub(super) fn root(&self) -> &Path {
        &self.shared.root
    }

    pub(super) fn outside(&self) -> PathBuf {
        self.folder.join("outside")
    }

    /// Returns what calls in a row answered: `ok`, or the first error. Fails if they hang or panic.
    pub(super) fn call(&self, calls: &[Call]) -> Result<String, String> {
        let names: Vec<String> = calls.iter().map(|call| call.name()).collect();
        let mut arguments = vec!["--account", self.root().to_str().unwrap_or_default()];
        arguments.extend(names.iter().map(String::as_str));
        let command = self.site.stage.command(OWNER, &arguments);
        let mut limited = std::process::Command::new("timeout");
        limited
            .args(["-s", "KILL", HANGS])
            .arg(command.get_program());
        limited.args(command.get_args());
        let output = limited.output().map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!(
                "{}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }

    /// Returns the files that are whole, and that a call may not lose or change.
    pub(super) fn whole_files(&self, call: Call) -> Vec<PathBuf> {
        let mut files = self.files_of_models(call);
        for name in ["source.bin", "other.bin", "outside/other"] {
            files.push(self.folder.join(name));
        }
        for (name, removing) in [
            ("model-a", Step::DeleteA),
            ("model-b", Step::DeleteB),
            ("engine-e", Step::DeleteEngine),
        ] {
            if call != Call::Step(removing) {
                files.push(self.root().join(name));
            }
        }
        let copies = self.outside().join("copy");
        files.extend(regular_files_below(&copies));
        files.retain(|file| self.is_whole(file));
        files
    }

    /// The files of the managed models that a call may not touch.
    fn files_of_models(&self, call: Call) -> Vec<PathBuf> {
        let folder = self.site.original.root.join("artifacts");
        let mut files = regular_files_below(&folder);
        files.retain(|file| {
            let is_file = file
                .parent()
                .is_some_and(|folder| folder.ends_with("files"));
            // The models of these bytes share them, and a step spoils or removes one of them.
            let is_touched = match call {
                Call::Step(Step::SpoilM) => fs::read(file).is_ok_and(|bytes| bytes == CONTENT),
                Call::Step(Step::DeleteM) | Call::Repair => {
                    file.ends_with("source.bin") && fs::read(file).is_ok_and(|b| b == CONTENT)
                }
                _ => false,
            };
            is_file && !is_touched
        });
        let root = &self.site.original.root;
        let relative = files.iter().filter_map(|file| file.strip_prefix(root).ok());
        relative.map(|file| self.root().join(file)).collect()
    }

    /// Whether a file has the bytes that it had in the original root.
    pub(super) fn is_whole(&self, file: &Path) -> bool {
        let is_file = fs::symlink_metadata(file).is_ok_and(|found| found.is_file());
        let is_in_its_place = file.canonicalize().is_ok_and(|real| real == file);
        let relative = file.strip_prefix(&self.folder).unwrap_or(file);
        let above = self.site.original.root.parent().unwrap_or(Path::new("/"));
        let original = match relative.starts_with("outside") {
            true => None,
            false => fs::read(above.join(relative)).ok(),
        };
        let bytes = || fs::read(file).ok();
        is_file && is_in_its_place && (original.is_none() || original == bytes())
    }

    /// Undoes a harm of permissions, as an administrator does: gives all that is there the owner and the mode
    /// that it had in the original root.
    pub(super) fn heal(&self) -> Result<(), String> {
        let mut paths = vec![self.root().to_path_buf()];
        while let Some(path) = paths.pop() {
            let relative = path.strip_prefix(self.root()).unwrap_or(&path);
            let original = fs::symlink_metadata(self.site.original.root.join(relative));
            if let Ok(original) = original
                && !path.is_symlink()
            {
                let text = |error: std::io::Error| format!("{}: {error}", path.display());
                chown(&path, Some(original.uid()), Some(original.gid())).map_err(text)?;
                set_mode(&path, original.mode() & 0o7777)?;
            }
            if path.is_dir() && !path.is_symlink() {
                paths.extend(names_in(&path)?.iter().map(|name| path.join(name)));
            }
        }
        Ok(())
    }

    /// Loses an artifact that no call concerns: the sabotage.
    pub(super) fn lose_other(&self) {
        for file in regular_files_below(&self.root().join("artifacts")) {
            if fs::read(&file).is_ok_and(|bytes| bytes == OTHER_CONTENT) {
                drop(fs::remove_file(file));
            }
        }
    }
}

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        drop(run("rm", &["-rf", &self.folder.display().to_string()]));
    }
}

/// Returns the regular files below a folder, or the file itself.
fn regular_files_below(path: &Path) -> Vec<PathBuf> {
    let mut files = files_below(path);
    files.retain(|file| fs::symlink_metadata(file).is_ok_and(|found| found.is_file()));
    files
}
