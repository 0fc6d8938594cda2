//! The host of the daemons: a disk that fills and empties, accounts that share a root, and backups by
//! links.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::source::Source;
use crate::account::{Account, Stage, give, set_mode};
use crate::figure::Sabotage;
use crate::figures::full_disk::fill_bytes;
use crate::mounts::{Mount, run};
use crate::state::{CONTENT, names_in};
use crate::strace::program;

/// The time for which the disk stays as it is, full or not.
const REST: Duration = Duration::from_millis(250);

/// Where the daemons run.
pub(super) struct Host {
    /// Not on the disk that fills: it has the answers of the daemons.
    folder: tempfile::TempDir,
    place: Place,
    /// The server of models.
    pub(super) source: Source,
}

enum Place {
    /// A disk of its own, and three accounts.
    Shared { stage: Stage, disk: Mount },
    /// This account's own temporary folder, for this reason.
    Own { reason: String },
}

impl Host {
    pub(super) fn new(sabotage: Sabotage) -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let folder = tempfile::tempdir().map_err(text)?;
        let shared = || {
            let stage = Stage::new()?;
            let disk = Mount::in_fast_image("mkfs.ext4", &["-q", "-F", "-m", "0"], 48 << 20)?;
            Ok::<_, String>(Place::Shared { stage, disk })
        };
        let place = shared().unwrap_or_else(|reason| Place::Own { reason });
        let source = Source::start(sabotage)?;
        let host = Self {
            folder,
            place,
            source,
        };
        let root = host.root();
        fs::create_dir(&root).map_err(text)?;
        fs::write(crate::state::source(&root), CONTENT).map_err(text)?;
        if let Place::Shared { disk, .. } = &host.place {
            let above = disk.path().parent().map(Path::to_path_buf);
            for folder in [above.unwrap_or_default(), disk.path()] {
                set_mode(&folder, 0o755)?;
            }
            set_mode(host.folder.path(), 0o777)?;
            give(&root, account_of(0).user)?;
            set_mode(&root, 0o2770)?;
        }
        Ok(host)
    }

    /// Returns the reason if the daemons have one account and no disk of their own.
    pub(super) fn lacks(&self) -> Option<&str> {
        match &self.place {
            Place::Shared { .. } => None,
            Place::Own { reason } => Some(reason),
        }
    }

    pub(super) fn root(&self) -> PathBuf {
        let folder = match &self.place {
            Place::Shared { disk, .. } => disk.path(),
            Place::Own { .. } => self.folder.path().to_path_buf(),
        };
        folder.join("root")
    }

    /// Returns the file for the answers of a daemon.
    pub(super) fn answers(&self, role: &str) -> PathBuf {
        self.folder.path().join(role)
    }

    /// Starts a daemon. Daemons take turns with the accounts.
    pub(super) fn start(&self, number: usize, role: &str) -> Result<Child, String> {
        let (root, answers) = (self.root(), self.answers(role));
        let arguments = [
            "--soak",
            &root.to_string_lossy(),
            &answers.to_string_lossy(),
            role,
            &self.source.url(),
        ];
        let mut command = match &self.place {
            Place::Shared { stage, .. } => stage.command(account_of(number), &arguments),
            Place::Own { .. } => {
                let mut command = Command::new(program());
                command.args(arguments);
                command
            }
        };
        command.spawn().map_err(|error| error.to_string())
    }

    /// Fills the disk and empties it, in turns, until the end. Returns how often the disk was full.
    pub(super) fn fill_and_empty(&self, is_over: &AtomicBool) -> usize {
        let Place::Shared { disk, .. } = &self.place else {
            return 0;
        };
        let mut full = 0;
        while !is_over.load(Ordering::Relaxed) {
            std::thread::sleep(REST);
            fill_bytes(&disk.path());
            full += 1;
            std::thread::sleep(REST);
            for name in names_in(&disk.path()).unwrap_or_default() {
                if name.starts_with("filler-") {
                    drop(fs::remove_file(disk.path().join(name)));
                }
            }
        }
        full
    }

    /// Makes backups by links, and looks whether they stay as they are, until the end. Returns how many it
    /// made, and the files that changed.
    pub(super) fn back_up(&self, is_over: &AtomicBool) -> (usize, Vec<String>) {
        let root = self.root();
        let backup = root.with_file_name("backup");
        let [from, to] = [&root, &backup].map(|path| path.to_string_lossy().into_owned());
        let (mut made, mut changed) = (0, Vec::new());
        while !is_over.load(Ordering::Relaxed) {
            // Files come and go meanwhile, and the disk may be full: a part is a backup, too.
            drop(run("cp", &["-al", &from, &to]));
            let before = contents(&backup);
            std::thread::sleep(REST);
            let after = contents(&backup);
            changed.extend(
                before
                    .iter()
                    .filter(|(path, bytes)| after.get(*path) != Some(bytes))
                    .map(|(path, _)| path.display().to_string()),
            );
            made += usize::from(!before.is_empty());
            drop(run("rm", &["-rf", &to]));
        }
        (made, changed)
    }
}

/// Three accounts, with umasks of their own.
fn account_of(number: usize) -> Account {
    let accounts = [(61_001, 0o002), (61_002, 0o027), (61_003, 0o077)];
    let (user, umask) = accounts[number % accounts.len()];
    Account {
        user,
        umask,
        is_member: true,
    }
}

/// The bytes of the files of a backup, but for those that were being written when they were linked.
fn contents(backup: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut contents = BTreeMap::new();
    let mut folders = vec![backup.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for name in names_in(&folder).unwrap_or_default() {
            let path = folder.join(&name);
            let is_written = name.starts_with('.') || ["staging", "locks"].contains(&&*name);
            match path.is_dir() {
                _ if is_written => {}
                true => folders.push(path),
                false => {
                    if let Ok(bytes) = fs::read(&path) {
                        contents.insert(path, bytes);
                    }
                }
            }
        }
    }
    contents
}
