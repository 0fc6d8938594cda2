use std::collections::BTreeMap;

use super::formats::ContentCheck;
use crate::digest::Digest;

/// The requirements that staged files must meet: digests, the entry point and a content check.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Expectation {
    /// The expected digest of the model: the digest of the only file, or the tree digest of the
    /// folder.
    pub digest: Option<Digest>,
    /// The expected digests of single files, by name. Each of these files must exist.
    pub files: BTreeMap<String, Digest>,
    /// The path that users of the model get.
    pub entry_point: EntryPoint,
    /// The check of the content, which is independent of digests.
    pub content: ContentCheck,
}

impl Expectation {
    /// Sets the expected digest of the model.
    #[must_use]
    pub fn digest(mut self, digest: impl Into<Option<Digest>>) -> Self {
        self.digest = digest.into();
        self
    }

    /// Sets the expected digests of single files, by name.
    #[must_use]
    pub fn files(mut self, files: BTreeMap<String, Digest>) -> Self {
        self.files = files;
        self
    }

    /// Sets the path that users of the model get.
    #[must_use]
    pub fn entry_point(mut self, entry_point: EntryPoint) -> Self {
        self.entry_point = entry_point;
        self
    }

    /// Sets the check of the content.
    #[must_use]
    pub fn content(mut self, content: ContentCheck) -> Self {
        self.content = content;
        self
    }
}

/// The choice of the path that users of an artifact get.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum EntryPoint {
    /// The only file, the first shard if all files are shards of one set, or otherwise the folder.
    #[default]
    Natural,
    /// The folder of all files.
    Folder,
    /// The file with this name.
    File(String),
}
