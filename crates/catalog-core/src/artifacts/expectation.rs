use std::collections::BTreeMap;

use super::formats::ContentCheck;
use crate::digest::Digest;

/// The digests that staged bytes are expected to have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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

/// Selects the path of an artifact for its users.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum EntryPoint {
    /// The only file, or the first shard if all files are shards of one set, or else the folder.
    #[default]
    Natural,
    /// The folder of all files.
    Folder,
    /// The file of this name.
    File(String),
}
