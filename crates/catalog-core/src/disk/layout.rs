use std::path::{Component, Path, PathBuf};

/// Forms every path inside a root; nobody else spells one.
///
/// ```text
/// index.json  engines.json   the two indexes
/// .<index>.<unique>.tmp      an index being written
/// locks/index.lock           the writers of both indexes queue here
/// artifacts/                 managed models, one folder each
/// blobs/ staging/ quarantine/ verifications.jsonl    reserved for the artifact store
/// ```
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

/// The two indexes that a root holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexFile {
    Models,
    Engines,
}

impl IndexFile {
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

    pub(crate) fn writer_lock(&self) -> PathBuf {
        self.root.join("locks").join("index.lock")
    }

    /// What a temporary file that is to replace `target` is called: this, something unique, `.tmp`.
    pub(crate) fn temporary_prefix(target: &Path) -> String {
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        format!(".{name}.")
    }

    /// Whether a path relative to the root is the store's own.
    ///
    /// Names are compared without case, as some file systems do; `index.json.previous` and
    /// `.index.json.x.tmp` belong to `index.json`.
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
