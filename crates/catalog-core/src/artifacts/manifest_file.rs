use serde::{Deserialize, Serialize};

use crate::digest::{Digest, FileContent};

/// One file of a managed artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ManifestFile {
    /// The name relative to the folder of the files; its parts are joined by `/`.
    pub name: String,
    /// The size in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes.
    pub digest: Digest,
    /// The way in which the file shares its space with the file that it came from.
    #[serde(default, skip_serializing_if = "Sharing::is_none")]
    pub shares: Sharing,
    /// Whether the file is part of the model or a companion of it.
    #[serde(default, skip_serializing_if = "Role::is_model")]
    pub role: Role,
}

/// The role of a file in a managed artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// The file is part of the model.
    #[default]
    Model,
    /// The file is a companion of the model, such as a projector or a chat template.
    Companion,
}

impl Role {
    fn is_model(&self) -> bool {
        *self == Self::Model
    }
}

/// The way in which a file of the store shares its space with a file outside of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Sharing {
    /// The file shares no space.
    #[default]
    Nothing,
    /// The file shares its extents with the file that it was cloned from. Removing the file frees
    /// the extents only if the other file no longer exists.
    Extents,
    /// The file is a hard link to the file that it was imported from, so both share everything.
    Inode,
}

impl Sharing {
    fn is_none(&self) -> bool {
        *self == Self::Nothing
    }
}

impl ManifestFile {
    pub(super) fn new(content: &FileContent, shares: Sharing) -> Self {
        Self {
            name: content.name.clone(),
            size: content.size,
            digest: Digest::of_content(content),
            shares,
            role: Role::Model,
        }
    }

    pub(super) fn content(&self) -> Option<FileContent> {
        let mut sha256 = [0; 32];
        hex::decode_to_slice(&self.digest.value, &mut sha256).ok()?;
        Some(FileContent {
            name: self.name.clone(),
            size: self.size,
            sha256,
        })
    }
}
