use std::collections::BTreeMap;

use super::formats::ContentCheck;
use crate::digest::Digest;

/// The digests that staged bytes are expected to have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Expectation {
    /// The digest of the model: of the only file, or the tree digest of the folder.
    pub digest: Option<Digest>,
    /// Digests of single files, by name; each must be there.
    pub files: BTreeMap<String, Digest>,
    /// The path for users of the model.
    pub entry_point: EntryPoint,
    /// The check of the content, apart from all digests.
    pub content: ContentCheck,
}

impl Expectation {
    /// Sets the digest of the model.
    #[must_use]
    pub fn digest(mut self, digest: impl Into<Option<Digest>>) -> Self {
        self.digest = digest.into();
        self
    }

    /// Sets the digests of single files, by name.
    #[must_use]
    pub fn files(mut self, files: BTreeMap<String, Digest>) -> Self {
        self.files = files;
        self
    }

    /// Sets the path for users of the model.
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

/// Selects the path of an artifact for its users.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum EntryPoint {
    /// The only file, or the first shard if all files are shards of one set, or else the folder.
    #[default]
    Natural,
    /// The folder of all files.
    Folder,
    /// The file of this name.
    File(String),
}
