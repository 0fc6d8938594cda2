use std::fs;
use std::path::{Path, PathBuf};

/// A root for the store under test and a folder beside it that no store may touch.
pub(super) struct Sandbox {
    _folder: tempfile::TempDir,
    /// With links resolved, as stores give paths.
    base: PathBuf,
}

impl Sandbox {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let base = folder.path().canonicalize().expect("it resolves");
        for name in ["root", "outside"] {
            fs::create_dir(base.join(name)).expect("a folder can be made in it");
        }
        let _folder = folder;
        Self { _folder, base }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.base.join("root")
    }

    pub(super) fn inside(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub(super) fn outside(&self, name: &str) -> PathBuf {
        self.base.join("outside").join(name)
    }
}

/// Writes a file, with the folders above it.
pub(super) fn write(path: &Path) -> PathBuf {
    let folder = path.parent().expect("it has a folder");
    fs::create_dir_all(folder).expect("folders can be made");
    fs::write(path, b"weights").expect("a file can be written");
    path.to_path_buf()
}

pub(super) fn link(path: &Path, target: &Path) {
    std::os::unix::fs::symlink(target, path).expect("a link can be made");
}

/// Ids that break stores which build text by hand or take an id for a path.
pub(super) const ODD_IDS: [&str; 16] = [
    " ",
    "a b",
    "\"",
    "\\",
    "\"},{\"",
    "a\nb\r\n",
    "\t\u{0}\u{1f}\u{7f}",
    "../../etc/passwd",
    "/",
    "version",
    "entries",
    "checksum",
    "模型/モデル/модель",
    "🦙",
    "e\u{301}\u{202e}\u{feff}\u{2028}",
    "hf:org/repo@refs/pr/1/a'b\"c.gguf",
];
