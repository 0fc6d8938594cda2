use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::host_clock::now_ms;
use super::resolve::is_there;
use crate::error::Result;

/// The locks of a store. Each lock has a file of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreLock {
    /// The lock of the indexes.
    Index,
    /// The lock of the files below `artifacts`, `blobs`, `staging` and `quarantine`.
    Artifacts,
}

impl StoreLock {
    fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Artifacts => "artifacts",
        }
    }
}

/// Forms each path inside a root. No other module forms such paths.
///
/// ```text
/// index.json  engines.json  pins.json   the indexes
/// <index>.previous           the previous generation of an index
/// <name>.damaged-<n>         a damaged index or a foreign file, which recovery kept
/// .<index>.new .<index>.old  the new index while it is written, and a copy of the old one
/// .index.json.spare          the spare file, which writers overwrite when the disk is full
/// .new-<unique>              a new file or folder that has no final name yet
/// removed/<unique>           an artifact that is being removed
/// locks/<name>.lock          the file of a lock: see `root::lock`
/// locks/<name>.waiting       waiting processes hold a shared lock on this file
/// locks/models/<sha256>      the lock of a model, named by the SHA-256 of its id
/// blobs/sha256/ab/<hex>      content, named by its digest, read-only
/// artifacts/<key>/           a managed model: manifest.json, and files/ with the real names
/// staging/<unique>/          a staging area: claim, artifact/ with the future artifact, and
///                            journal.json if a later process may continue its files
/// quarantine/<unique>/       a file that failed verification, and evidence.json
/// ```
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

/// The names of temporary files in the folder of an index; see [`Layout::temporary_files`].
#[derive(Debug)]
pub(crate) struct TemporaryFiles {
    pub(crate) new: String,
    pub(crate) old: String,
}

/// The indexes that a root holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexFile {
    Models,
    Engines,
    Pins,
}

impl IndexFile {
    pub(crate) const ALL: [Self; 3] = [Self::Models, Self::Engines, Self::Pins];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Models => "index.json",
            Self::Engines => "engines.json",
            Self::Pins => "pins.json",
        }
    }
}

/// The first parts of paths below the root that belong to the store, with everything below them.
const RESERVED_FOLDERS: [&str; 5] = ["blobs", "removed", "staging", "quarantine", "locks"];

/// The text before the number in the name of a file that recovery kept.
const DAMAGED: &str = ".damaged-";

/// The beginning of the temporary names of new files.
const NEW: &str = ".new-";

/// The folder of managed artifacts. The folder itself belongs to the store. Its content is
/// artifacts.
const ARTIFACTS: &str = "artifacts";

impl Layout {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Returns an unused temporary path for a new file or folder, which gets its mode before its
    /// final name.
    pub(super) fn unique_new(&self) -> PathBuf {
        static USED: AtomicU64 = AtomicU64::new(0);
        let number = USED.fetch_add(1, Ordering::Relaxed);
        self.root
            .join(format!("{NEW}{}-{}-{number}", now_ms(), std::process::id()))
    }

    /// Returns true if a name in the root is a temporary name from
    /// [`unique_new`](Self::unique_new).
    pub(super) fn is_new(name: &str) -> bool {
        name.starts_with(NEW)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn index(&self, file: IndexFile) -> PathBuf {
        self.root.join(file.name())
    }

    /// Returns the path of the previous generation of an index.
    pub(crate) fn previous_index(&self, file: IndexFile) -> PathBuf {
        self.root.join(format!("{}.previous", file.name()))
    }

    /// Returns the path of the file that writers overwrite when the disk is full.
    pub(crate) fn spare(&self) -> PathBuf {
        self.root
            .join(format!(".{}.spare", IndexFile::Models.name()))
    }

    /// Returns the folder into which artifacts are renamed before they are deleted.
    pub(crate) fn removed(&self) -> PathBuf {
        self.root.join("removed")
    }

    /// Returns the path at which a recovery keeps a damaged or foreign file that it found at a path
    /// of the store. `unique` is a number that makes the path unused.
    pub(crate) fn kept_aside(&self, path: &Path, unique: u64) -> PathBuf {
        let relative = path.strip_prefix(&self.root).unwrap_or(path);
        let first = relative.iter().next().unwrap_or_default();
        self.root
            .join(format!("{}{DAMAGED}{unique}", first.to_string_lossy()))
    }

    /// Returns true if the name of a path in the root has the form of
    /// [`kept_aside`](Self::kept_aside).
    pub(crate) fn is_kept_aside(path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str());
        name.and_then(|name| name.split_once(DAMAGED))
            .is_some_and(|(first, unique)| {
                Self::is_store_file(Path::new(first))
                    && !unique.is_empty()
                    && unique.bytes().all(|byte| byte.is_ascii_digit())
            })
    }

    pub(crate) fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }

    pub(crate) fn lock(&self, which: StoreLock) -> PathBuf {
        self.locks().join(format!("{}.lock", which.name()))
    }

    pub(crate) fn waiting_lock(&self, which: StoreLock) -> PathBuf {
        self.locks().join(format!("{}.waiting", which.name()))
    }

    pub(crate) fn model_locks(&self) -> PathBuf {
        self.locks().join("models")
    }

    /// Returns the path of the lock file of a model. `name` is the SHA-256 of its id.
    pub(crate) fn model_lock(&self, name: &str) -> PathBuf {
        self.model_locks().join(name)
    }

    pub(crate) fn artifacts(&self) -> PathBuf {
        self.root.join(ARTIFACTS)
    }

    /// Returns the folder of the artifact with this key.
    pub(crate) fn artifact(&self, key: &str) -> ArtifactFolder {
        ArtifactFolder(self.artifacts().join(key))
    }

    /// Returns the key in a relative path that leads to a managed artifact or into it.
    pub(crate) fn key_of(relative: &Path) -> Option<&str> {
        let mut parts = relative.iter();
        if parts.next()? != ARTIFACTS {
            return None;
        }
        parts.next()?.to_str().filter(|key| is_sha256(key))
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs").join("sha256")
    }

    /// Returns the folders whose files are moved only under the lock of artifacts.
    pub(crate) fn own_folders(&self) -> [PathBuf; 5] {
        [
            self.artifacts(),
            self.root.join("blobs"),
            self.blobs(),
            self.staging(),
            self.quarantine(),
        ]
    }

    /// Returns the path of the blob with this hexadecimal SHA-256.
    pub(crate) fn blob(&self, hex: &str) -> PathBuf {
        self.folder_of_blob(hex).join(hex)
    }

    /// Returns the folder of the blob with this hexadecimal SHA-256.
    pub(crate) fn folder_of_blob(&self, hex: &str) -> PathBuf {
        self.blobs().join(&hex[..2])
    }

    pub(crate) fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }

    pub(crate) fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// Returns true if a folder is the root of a store that has been written to.
    pub(crate) fn is_root_of_a_store(folder: &Path) -> Result<bool> {
        is_there(&Self::new(folder.to_path_buf()).lock(StoreLock::Index))
    }

    /// Returns the temporary names of a new index and of a copy of the old one. One name for each
    /// is enough, because only the holder of the index lock creates these files.
    pub(crate) fn temporary_files(target: &Path) -> TemporaryFiles {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        TemporaryFiles {
            new: format!(".{name}.new"),
            old: format!(".{name}.old"),
        }
    }

    /// Returns true if a path relative to the root belongs to the store.
    ///
    /// Names are compared without regard to case, as some file systems do. `index.json.previous`
    /// and `.index.json.new` belong to `index.json`.
    pub(crate) fn is_store_file(relative: &Path) -> bool {
        let mut parts = relative.components();
        let Some(Component::Normal(first)) = parts.next() else {
            return false;
        };
        let first = first.to_string_lossy().to_ascii_lowercase();
        let is_or_kept_aside = |name: &str| {
            let rest = first.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(DAMAGED))
        };
        let is_of_index = |file: &IndexFile| {
            let rest = first.trim_start_matches('.').strip_prefix(file.name());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        match first.as_str() {
            // The folder belongs to the store, but the paths in it are artifacts.
            ARTIFACTS => parts.next().is_none(),
            _ => {
                is_or_kept_aside(ARTIFACTS)
                    || RESERVED_FOLDERS.into_iter().any(is_or_kept_aside)
                    || IndexFile::ALL.iter().any(is_of_index)
                    || first.starts_with(NEW)
            }
        }
    }
}

/// The folder of one artifact, at its final place or in a staging area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArtifactFolder(PathBuf);

impl ArtifactFolder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        self.0.join("manifest.json")
    }

    /// Returns the folder of its files, which have their real names.
    pub(crate) fn files(&self) -> PathBuf {
        self.0.join("files")
    }
}

/// The folder of a staging area, or of artifacts that are being removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StagingFolder(PathBuf);

impl StagingFolder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path of the claim, a file that is locked while the owner of the folder lives.
    pub(crate) fn claim(&self) -> PathBuf {
        self.0.join("claim")
    }

    /// Returns the path of the journal, which lists the files that a later process may continue.
    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("journal.json")
    }

    pub(crate) fn artifact(&self) -> ArtifactFolder {
        ArtifactFolder(self.0.join("artifact"))
    }
}

/// The folder of one file that failed verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QuarantineFolder(PathBuf);

impl QuarantineFolder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn evidence(&self) -> PathBuf {
        self.0.join("evidence.json")
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("file")
    }
}

/// Returns true if a name is a SHA-256 in the spelling of the store.
pub(crate) fn is_sha256(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
