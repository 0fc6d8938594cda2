use std::path::{Component, Path, PathBuf};

/// Forms every path inside a root; nobody else spells one.
///
/// ```text
/// index.json  engines.json   the two indexes
/// <index>.previous           the generation before
/// <index>.damaged-<n>        a damaged one that recovery replaced
/// .<index>.new .<index>.old  one being written, and a second link to the one before
/// locks/index.lock           the writers of both indexes queue here
/// locks/index.waiting        those of them that wait hold this one shared
/// artifacts/                 managed models, one folder each
/// blobs/ staging/ quarantine/ verifications.jsonl    reserved for the artifact store
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

/// The two indexes that a root holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexFile {
    Models,
    Engines,
}

impl IndexFile {
    pub(crate) const ALL: [Self; 2] = [Self::Models, Self::Engines];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Models => "index.json",
            Self::Engines => "engines.json",
        }
    }
}

/// First parts of a path below the root that are the store's own, with all below them.
const RESERVED: [&str; 7] = [
    "index.json",
    "engines.json",
    "verifications.jsonl",
    "blobs",
    "staging",
    "quarantine",
    "locks",
];

/// The folder of managed artifacts: itself the store's, what is below it are artifacts.
const ARTIFACTS: &str = "artifacts";

impl Layout {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn index(&self, file: IndexFile) -> PathBuf {
        self.root.join(file.name())
    }

    /// The generation of an index before the current one.
    pub(crate) fn previous_index(&self, file: IndexFile) -> PathBuf {
        self.root.join(format!("{}.previous", file.name()))
    }

    /// Where a damaged index is kept that was replaced; `unique` tells several apart.
    pub(crate) fn damaged_index(&self, file: IndexFile, unique: u64) -> PathBuf {
        self.root.join(format!("{}.damaged-{unique}", file.name()))
    }

    pub(crate) fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }

    pub(crate) fn writer_lock(&self) -> PathBuf {
        self.locks().join("index.lock")
    }

    pub(crate) fn waiting_lock(&self) -> PathBuf {
        self.locks().join("index.waiting")
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
        let first = first.trim_start_matches('.');
        if first == ARTIFACTS {
            return parts.next().is_none();
        }
        RESERVED.iter().any(|reserved| {
            first
                .strip_prefix(reserved)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}
