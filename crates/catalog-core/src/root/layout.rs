use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::host_clock::now_ms;
use super::resolve::is_there;
use crate::error::Result;

/// The locks of a store; each has a file of its own.
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

/// Forms every path inside a root; no other module does.
///
/// ```text
/// index.json  engines.json  pins.json   the indexes
/// <index>.previous           the generation before
/// <name>.damaged-<n>         a damaged index, or a foreign thing at a path of the store, which recovery kept
/// .<index>.new .<index>.old  one being written, and a copy of the one before
/// .index.json.spare          what a writer overwrites when the disk is full
/// .new-<unique>              a file or folder that gets its mode before its name
/// removed/<unique>           artifacts that are being removed
/// locks/<name>.lock          where writers queue: see `root::lock`
/// locks/<name>.waiting       those of them that wait hold this one shared
/// locks/models/<sha256>      the lock of a model, named by the SHA-256 of its id
/// blobs/sha256/ab/<hex>      content, named by its digest, read-only
/// artifacts/<key>/           one managed model: manifest.json, and files/ with their real names
/// staging/<unique>/          a model being staged: claim, and artifact/ as it is going to be
/// quarantine/<unique>/       a file that failed verification: evidence.json, and the file
/// ```
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

/// Names in the folder of an index; see [`Layout::temporary_files`].
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

/// First parts of a path below the root that are the store's own, with all below them.
const RESERVED_FOLDERS: [&str; 5] = ["blobs", "removed", "staging", "quarantine", "locks"];

/// The part of a name behind which the number of a kept damaged file stands.
const DAMAGED: &str = ".damaged-";

/// How the names of files begin that have no name of their own yet.
const NEW: &str = ".new-";

/// The folder of managed artifacts. The folder itself is the store's; its content is artifacts.
const ARTIFACTS: &str = "artifacts";

impl Layout {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Returns an unused path for a file or folder of this process that gets its mode before its name.
    pub(super) fn unique_new(&self) -> PathBuf {
        static USED: AtomicU64 = AtomicU64::new(0);
        let number = USED.fetch_add(1, Ordering::Relaxed);
        self.root
            .join(format!("{NEW}{}-{}-{number}", now_ms(), std::process::id()))
    }

    /// Whether a name in the root is of a file or folder that [`unique_new`](Self::unique_new) named.
    pub(super) fn is_new(name: &str) -> bool {
        name.starts_with(NEW)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn index(&self, file: IndexFile) -> PathBuf {
        self.root.join(file.name())
    }

    /// The generation of an index before the current one.
    pub(crate) fn previous_index(&self, file: IndexFile) -> PathBuf {
        self.root.join(format!("{}.previous", file.name()))
    }

    /// The file that writers overwrite when the disk is full.
    pub(crate) fn spare(&self) -> PathBuf {
        self.root
            .join(format!(".{}.spare", IndexFile::Models.name()))
    }

    /// Returns the folder into which artifacts are renamed before they are unlinked.
    pub(crate) fn removed(&self) -> PathBuf {
        self.root.join("removed")
    }

    /// Returns the path under which a recovery keeps what is damaged or foreign at one of the store's paths;
    /// `unique` distinguishes several.
    pub(crate) fn kept_aside(&self, path: &Path, unique: u64) -> PathBuf {
        let relative = path.strip_prefix(&self.root).unwrap_or(path);
        let first = relative.iter().next().unwrap_or_default();
        self.root
            .join(format!("{}{DAMAGED}{unique}", first.to_string_lossy()))
    }

    /// Whether the name of something in the root is one that [`kept_aside`](Self::kept_aside) gave.
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

    /// The lock file of a model; `name` is the SHA-256 of its id.
    pub(crate) fn model_lock(&self, name: &str) -> PathBuf {
        self.model_locks().join(name)
    }

    pub(crate) fn artifacts(&self) -> PathBuf {
        self.root.join(ARTIFACTS)
    }

    /// The folder of the artifact with this key.
    pub(crate) fn artifact(&self, key: &str) -> ArtifactFolder {
        ArtifactFolder(self.artifacts().join(key))
    }

    /// The key in a path relative to the root that leads to a managed artifact or into it.
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

    /// The folders whose files change their places under the lock of artifacts.
    pub(crate) fn own_folders(&self) -> [PathBuf; 5] {
        [
            self.artifacts(),
            self.root.join("blobs"),
            self.blobs(),
            self.staging(),
            self.quarantine(),
        ]
    }

    /// The blob with this SHA-256, in hexadecimal.
    pub(crate) fn blob(&self, hex: &str) -> PathBuf {
        self.folder_of_blob(hex).join(hex)
    }

    /// The folder of the blob with this SHA-256.
    pub(crate) fn folder_of_blob(&self, hex: &str) -> PathBuf {
        self.blobs().join(&hex[..2])
    }

    pub(crate) fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }

    pub(crate) fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// Whether a folder is the root of a store in which somebody wrote.
    pub(crate) fn is_root_of_a_store(folder: &Path) -> Result<bool> {
        is_there(&Self::new(folder.to_path_buf()).lock(StoreLock::Index))
    }

    /// The names under which a new index, and a second link to the old one, come into being. One of
    /// each is enough, as only the holder of the writer lock makes them.
    pub(crate) fn temporary_files(target: &Path) -> TemporaryFiles {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        TemporaryFiles {
            new: format!(".{name}.new"),
            old: format!(".{name}.old"),
        }
    }

    /// Whether a path relative to the root is the store's own.
    ///
    /// Names are compared without case, as some file systems do; `index.json.previous` and
    /// `.index.json.new` belong to `index.json`.
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
            // Artifacts lie in that folder.
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

/// The folder of one artifact, in its place or being staged.
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

    /// Where its files are, under their real names.
    pub(crate) fn files(&self) -> PathBuf {
        self.0.join("files")
    }
}

/// The folder of a model that is being staged, or of artifacts that are being removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StagingFolder(PathBuf);

impl StagingFolder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Locked as long as its owner lives.
    pub(crate) fn claim(&self) -> PathBuf {
        self.0.join("claim")
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

/// Whether a name is a SHA-256 as the store writes it.
pub(crate) fn is_sha256(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
