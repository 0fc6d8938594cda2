//! The bad things, and how they come about.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use crate::mounts::run;

/// The number of levels of a tree that is deeper than any path can be long.
const LEVELS: usize = 4_000;

/// A bad thing: its name, and the change that makes it of one of the artifacts.
pub(super) struct Bad {
    pub(super) name: &'static str,
    make: fn(&Artifact) -> Result<(), String>,
}

/// Where an artifact lies.
pub(super) struct Artifact {
    pub(super) root: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) file: PathBuf,
}

pub(super) const ALL: [Bad; 19] = [
    Bad {
        name: "a file that nobody can remove",
        make: |of| make_immutable(&of.file),
    },
    Bad {
        name: "a folder that nobody can change",
        make: |of| make_immutable(&of.folder),
    },
    Bad {
        name: "a manifest of other bytes",
        make: |of| write(&of.manifest(), "{\"version\":1,"),
    },
    Bad {
        name: "a manifest of a newer release",
        make: |of| write(&of.manifest(), "{\"version\":99}\n"),
    },
    Bad {
        name: "no manifest",
        make: |of| remove(&of.manifest()),
    },
    Bad {
        name: "a pipe as manifest",
        make: |of| replace(&of.manifest(), make_pipe),
    },
    Bad {
        name: "a dangling link as manifest",
        make: |of| replace(&of.manifest(), make_dangling),
    },
    Bad {
        name: "a folder as manifest",
        make: |of| replace(&of.manifest(), make_folder),
    },
    Bad {
        name: "no file",
        make: |of| remove(&of.file),
    },
    Bad {
        name: "a pipe as file",
        make: |of| replace(&of.file, make_pipe),
    },
    Bad {
        name: "a socket as file",
        make: |of| replace(&of.file, make_socket),
    },
    Bad {
        name: "a dangling link as file",
        make: |of| replace(&of.file, make_dangling),
    },
    Bad {
        name: "a link to itself as file",
        make: |of| replace(&of.file, make_circle),
    },
    Bad {
        name: "a folder as file",
        make: |of| replace(&of.file, make_folder),
    },
    Bad {
        name: "a deep tree in the artifact",
        make: |of| make_deep(&of.folder.join("files")),
    },
    Bad {
        name: "a deep tree in staging",
        make: |of| make_deep(&of.root.join("staging").join("ab".repeat(16))),
    },
    Bad {
        name: "a deep tree that was moved aside",
        make: |of| make_deep(&of.root.join("removed").join("1-1")),
    },
    Bad {
        name: "a file that nobody can remove, moved aside",
        make: |of| {
            let file = of
                .root
                .join("removed")
                .join("2-2")
                .join(of.folder.file_name().unwrap_or_default());
            make_folder(file.parent().unwrap_or(&file))?;
            write(&file, "x")?;
            make_immutable(&file)
        },
    },
    Bad {
        name: "a pipe as claim",
        make: |of| {
            let folder = of.root.join("staging").join("cd".repeat(16));
            if folder.exists() {
                return Ok(());
            }
            make_folder(&folder)?;
            make_pipe(&folder.join("claim"))
        },
    },
];

impl Bad {
    /// Makes it of an artifact.
    pub(super) fn make(&self, artifact: &Artifact) -> Result<(), String> {
        (self.make)(artifact)
    }

    /// Whether it is a tree of many levels, which takes time to make and to remove.
    pub(super) fn is_deep(&self) -> bool {
        self.name.contains("deep")
    }

    /// Lets everybody change again what was made immutable.
    pub(super) fn heal(&self, root: &Path) {
        if self.name.contains("nobody") {
            drop(run("chattr", &["-R", "-i", &root.to_string_lossy()]));
        }
    }
}

impl Artifact {
    fn manifest(&self) -> PathBuf {
        self.folder.join("manifest.json")
    }
}

fn make_immutable(path: &Path) -> Result<(), String> {
    run("chattr", &["+i", &path.to_string_lossy()])
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}

fn write(path: &Path, content: &str) -> Result<(), String> {
    fs::write(path, content).map_err(text)
}

fn remove(path: &Path) -> Result<(), String> {
    fs::remove_file(path).map_err(text)
}

fn replace(path: &Path, make: fn(&Path) -> Result<(), String>) -> Result<(), String> {
    remove(path)?;
    make(path)
}

fn make_folder(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(text)
}

fn make_pipe(path: &Path) -> Result<(), String> {
    run("mkfifo", &[&path.to_string_lossy()])
}

fn make_socket(path: &Path) -> Result<(), String> {
    // A path of a socket must be short.
    let folder = path.parent().ok_or("no folder")?;
    let short = tempfile::tempdir().map_err(text)?;
    let link = short.path().join("f");
    symlink(folder, &link).map_err(text)?;
    let name = path.file_name().unwrap_or_default();
    UnixListener::bind(link.join(name)).map(drop).map_err(text)
}

fn make_dangling(path: &Path) -> Result<(), String> {
    symlink("/nowhere/at/all", path).map_err(text)
}

fn make_circle(path: &Path) -> Result<(), String> {
    symlink(path, path).map_err(text)
}

/// Makes a tree of many levels, each from the one above it, as no path leads to its end.
fn make_deep(folder: &Path) -> Result<(), String> {
    if folder.join("d").exists() {
        return Ok(());
    }
    make_folder(folder)?;
    let script = format!(
        "import os, sys\nos.chdir(sys.argv[1])\nfor _ in range({LEVELS}):\n os.mkdir('d')\n os.chdir('d')"
    );
    run("python3", &["-c", &script, &folder.to_string_lossy()])
}
