use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::formats::Shard;
use crate::digest::{Digest, DigestSubject, FileContent, seal, tree_digest, unseal};
use crate::error::{CatalogError, DigestError, Result};
use crate::reference::check_file_name;
use crate::root::{ArtifactFolder, is_sha256, open_own_file};

/// The version that this release writes, and the newest that it reads.
const VERSION: u64 = 1;

/// The largest manifest that is read: some hundred thousand files.
const MAX_LEN: u64 = 64 << 20;

/// What a managed artifact consists of, and where it came from: `manifest.json` in its folder.
///
/// Version 1 is a JSON object of these fields, one file a line, and `checksum` as the last one. A
/// reader keeps fields that it does not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    version: u64,
    /// The catalog id under which it was staged.
    pub id: String,
    /// The name of the file that is handed out; without one, the folder of all files is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_file: Option<String>,
    /// What proves it: the SHA-256 of the only file, or the tree digest of several.
    pub digest: Digest,
    /// Where its bytes came from, without secrets; none if nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The revision that the source resolved to, such as a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// What brought them.
    pub fetcher: String,
    /// Whether nobody vouched for them: the digests are those of whatever was staged.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_unproved: bool,
    /// When they were published, in milliseconds since 1970.
    pub published_ms: u64,
    /// Its files, sorted by the bytes of their names.
    pub files: Vec<ManifestFile>,
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

/// One file of a managed artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ManifestFile {
    /// Relative to the folder of its files, parts joined by `/`.
    pub name: String,
    /// In bytes.
    pub size: u64,
    /// The SHA-256 of its bytes.
    pub digest: Digest,
    /// How its bytes share the space of the file they came from.
    #[serde(default, skip_serializing_if = "Sharing::is_none")]
    pub shares: Sharing,
}

/// With what a file of the store shares the space that its bytes take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// With no file outside of the store.
    #[default]
    Nothing,
    /// Its extents, with the file it was cloned from: removing it frees them only if that is gone.
    Extents,
    /// All of it: it is a hard link to the file it was imported from.
    Inode,
}

impl Sharing {
    fn is_none(&self) -> bool {
        *self == Self::Nothing
    }
}

/// What is known of bytes besides what they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance {
    /// Where they came from; secrets in it are left out.
    pub source: Option<String>,
    /// The revision that the source resolved to.
    pub revision: Option<String>,
    /// What brought them.
    pub fetcher: String,
}

impl Manifest {
    pub(super) fn new(
        id: &str,
        entry_file: Option<String>,
        provenance: &Provenance,
        files: Vec<ManifestFile>,
        published_ms: u64,
    ) -> Self {
        let digest = match &files[..] {
            [only] if entry_file.is_some() => only.digest.clone(),
            _ => tree_of(&files),
        };
        Self {
            version: VERSION,
            id: id.to_owned(),
            entry_file,
            digest,
            source: provenance.source.as_deref().map(crate::reference::shown_id),
            revision: provenance.revision.clone(),
            fetcher: provenance.fetcher.clone(),
            is_unproved: false,
            published_ms,
            files,
            unknown: BTreeMap::new(),
        }
    }

    /// The tree digest of all files.
    pub fn tree_digest(&self) -> Digest {
        tree_of(&self.files)
    }

    /// Refuses a digest of one file for a set of shards, which is handed out by its first shard.
    /// `folder` holds the files.
    ///
    /// # Errors
    ///
    /// [`DigestError::OfOneShard`], which gives the tree digest.
    pub(crate) fn refuse_digest_of_one_shard(&self, given: &Digest, folder: &Path) -> Result<()> {
        let algorithm = given.algorithm().map_err(CatalogError::InvalidDigest)?;
        match &self.entry_file {
            Some(name)
                if algorithm.proves() == DigestSubject::File
                    && self.files.len() > 1
                    && Shard::parse(name).is_some() =>
            {
                Err(CatalogError::InvalidDigest(DigestError::OfOneShard {
                    path: folder.join(name),
                    given: given.to_string(),
                    tree: self.tree_digest().to_string(),
                }))
            }
            _ => Ok(()),
        }
    }

    /// How many bytes its files have.
    pub fn size(&self) -> u64 {
        let sizes = self.files.iter().map(|file| file.size);
        sizes.fold(0, u64::saturating_add)
    }

    /// The name of its folder: it follows from the id, the content, what is handed out and the
    /// revision, if there is one.
    pub(super) fn key(&self) -> String {
        let mut key = Sha256::new();
        key.update(b"artifact/v1\0");
        let entry_file = self.entry_file.as_deref().unwrap_or_default();
        let content = self.tree_digest().value;
        let parts = [self.id.as_str(), &content, entry_file].into_iter();
        for part in parts.chain(self.revision.as_deref()) {
            key.update((part.len() as u64).to_be_bytes());
            key.update(part);
        }
        hex::encode(key.finalize())
    }

    /// The path that users are given, in the folder of the artifact.
    pub(super) fn path_in(&self, folder: &ArtifactFolder) -> PathBuf {
        match &self.entry_file {
            Some(name) => folder.files().join(name),
            None => folder.files(),
        }
    }

    pub(super) fn to_text(&self) -> String {
        let text = serde_json::to_string(self).expect("it has only text and numbers");
        let lines = text.replace("{\"name\":", "\n{\"name\":");
        format!("{}\n", seal(&lines))
    }

    /// Reads the manifest of an artifact; none if there is none.
    ///
    /// # Errors
    ///
    /// [`CatalogError::StoreDamaged`] for what is none, or belongs elsewhere.
    pub(super) fn read(folder: &ArtifactFolder) -> Result<Option<Self>> {
        let path = folder.manifest();
        let Some(text) = read_text(&path, MAX_LEN)? else {
            return Ok(None);
        };
        let manifest = Self::parse(&text).map_err(|detail| damaged(&path, detail))?;
        let name = folder.path().file_name().unwrap_or_default();
        if name != manifest.key().as_str() {
            let detail = "it does not belong to the folder it is in".to_owned();
            return Err(damaged(&path, detail));
        }
        Ok(Some(manifest))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let object = unseal(text)?;
        let manifest: Self = serde_json::from_str(&object).map_err(|error| error.to_string())?;
        if manifest.version > VERSION {
            return Err(format!("it has version {}, newer than 1", manifest.version));
        }
        for file in &manifest.files {
            check_file_name(&file.name)?;
            if file.digest.algo != "sha256" || !is_sha256(&file.digest.value) {
                return Err(format!("the digest of {:?} is no SHA-256", file.name));
            }
        }
        match &manifest.entry_file {
            Some(name) if manifest.files.iter().all(|file| file.name != *name) => {
                Err("it hands out a file that it does not have".to_owned())
            }
            _ => Ok(manifest),
        }
    }
}

fn is_false(is_so: &bool) -> bool {
    !is_so
}

fn tree_of(files: &[ManifestFile]) -> Digest {
    let contents: Vec<FileContent> = files.iter().filter_map(ManifestFile::content).collect();
    tree_digest(&contents)
}

impl ManifestFile {
    pub(super) fn new(content: &FileContent, shares: Sharing) -> Self {
        Self {
            name: content.name.clone(),
            size: content.size,
            digest: content.digest(),
            shares,
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

/// Reads a text file of the store's own; none if there is none. What is longer than `max` bytes is
/// damaged.
pub(super) fn read_text(path: &Path, max: u64) -> Result<Option<String>> {
    let Some(file) = open_own_file(path, OpenOptions::new().read(true))? else {
        return Ok(None);
    };
    // Read at once: a plan of collection reads thousands of them.
    let len = file.metadata().map_or(0, |metadata| metadata.len());
    let mut text = String::with_capacity(len.min(max) as usize + 1);
    match file.take(max + 1).read_to_string(&mut text) {
        Ok(len) if len as u64 <= max => Ok(Some(text)),
        Ok(_) => Err(damaged(path, "it is too long".to_owned())),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(damaged(path, "it is not UTF-8".to_owned()))
        }
        Err(error) => Err(CatalogError::io("read", path, error)),
    }
}

/// Writes a new file of the store's own; it is durable but for its name.
pub(super) fn write_text(path: &Path, text: &str) -> Result<()> {
    let failed = |error| CatalogError::io("write", path, error);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)
}

pub(super) fn damaged(path: &Path, detail: String) -> CatalogError {
    CatalogError::StoreDamaged {
        path: path.to_path_buf(),
        detail,
        repair: "verify the models of this store, or move the folder that it is in out of the root",
    }
}
