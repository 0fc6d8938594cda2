use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::formats::Shard;
use super::manifest_file::{ManifestFile, Role};
use super::provenance::{Provenance, Validators};
use crate::digest::{Basis, Digest, DigestSubject, FileContent, seal, unseal};
use crate::error::{CatalogError, DigestError, Result};
use crate::reference::check_file_name;
use crate::root::{ArtifactFolder, Layout, create_file, is_sha256, open_own_file};

/// The newest version that this release reads. It writes this version for a model with companions.
const VERSION: u64 = 3;

/// The version of a model without companions. Up to this version, the digest of the model and the key are
/// those of all files.
const VERSION_OF_ALL_FILES: u64 = 2;

/// The maximum size of a manifest, in bytes. It is enough for some hundred thousand files.
const MAX_LEN: u64 = 64 << 20;

/// The manifest of a managed artifact: its files and their source, as `manifest.json` in its
/// folder.
///
/// It is a JSON object of these fields, one file a line, and `checksum` as the last one. A reader
/// keeps fields that it does not know.
///
/// Version 1 has `is_unproved` in place of `basis`. If it is true, the basis is
/// [`OwnHash`](Basis::OwnHash). If not, the basis is [`SourceHash`](Basis::SourceHash), the weakest
/// that version 1 accepted as proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    version: u64,
    /// The catalog id under which it was staged.
    pub id: String,
    /// The name of the file that users of the model are given; without one, they are given the
    /// folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_file: Option<String>,
    /// The digest that proves it: the SHA-256 of the only file of the model, or the tree digest of
    /// several. Companions are not in it.
    pub digest: Digest,
    /// The source of its bytes, without secrets, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The revision that the source resolved to, such as a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The name of the fetcher.
    pub fetcher: String,
    /// The source's own spelling of the repository, without secrets, if it is not that of the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_spelling: Option<String>,
    /// The source of the digests that the bytes were compared with when they were staged.
    #[serde(default)]
    pub basis: Basis,
    /// The names of the requested files. It is empty if all were requested.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub requested: BTreeSet<String>,
    /// The validators of single files, by name, as the source stated them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub validators: BTreeMap<String, Validators>,
    /// The time when they were published, in milliseconds since 1970.
    pub published_ms: u64,
    /// Its files, sorted by the bytes of their names.
    pub files: Vec<ManifestFile>,
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

impl Manifest {
    pub(super) fn new(
        id: &str,
        entry_file: Option<String>,
        provenance: &Provenance,
        mut files: Vec<ManifestFile>,
        published_ms: u64,
    ) -> Self {
        for file in &mut files {
            if provenance.companions.contains(&file.name) {
                file.role = Role::Companion;
            }
        }
        let has_companions = of_role(&files, Role::Companion).next().is_some();
        let model: Vec<&ManifestFile> = of_role(&files, Role::Model).collect();
        let digest = match &model[..] {
            [only] if entry_file.is_some() => only.digest.clone(),
            model => tree_of(model.iter().copied()),
        };
        Self {
            version: match has_companions {
                true => VERSION,
                false => VERSION_OF_ALL_FILES,
            },
            id: id.to_owned(),
            entry_file,
            digest,
            source: provenance.source.as_deref().map(crate::reference::shown_id),
            revision: provenance.revision.clone(),
            fetcher: provenance.fetcher.clone(),
            source_spelling: provenance
                .source_spelling
                .as_deref()
                .map(crate::reference::shown_id),
            basis: Basis::OwnHash,
            requested: provenance.requested.clone(),
            validators: provenance.validators.clone(),
            published_ms,
            files,
            unknown: BTreeMap::new(),
        }
    }

    /// Returns the provenance of its bytes, to fetch some of them again.
    pub fn provenance(&self) -> Provenance {
        let companions = of_role(&self.files, Role::Companion);
        Provenance {
            source: self.source.clone(),
            revision: self.revision.clone(),
            fetcher: self.fetcher.clone(),
            requested: self.requested.clone(),
            companions: companions.map(|file| file.name.clone()).collect(),
            validators: self.validators.clone(),
            source_spelling: self.source_spelling.clone(),
        }
    }

    /// The tree digest of all files of the model, without its companions.
    pub fn tree_digest(&self) -> Digest {
        tree_of(self.model_files())
    }

    /// The files that the digest proves: those of the model itself, without its companions.
    pub(crate) fn model_files(&self) -> impl Iterator<Item = &ManifestFile> {
        let is_proved =
            |file: &&ManifestFile| self.version <= VERSION_OF_ALL_FILES || file.role == Role::Model;
        self.files.iter().filter(is_proved)
    }

    /// Refuses a digest of one file for a set of shards, whose path is that of its first shard.
    /// `folder` holds the files.
    ///
    /// # Errors
    ///
    /// [`DigestError::OfOneShard`], which states the tree digest.
    pub(crate) fn refuse_digest_of_one_shard(&self, given: &Digest, folder: &Path) -> Result<()> {
        match self.shard_that_would_prove(given)? {
            None => Ok(()),
            Some(name) => Err(CatalogError::InvalidDigest(DigestError::OfOneShard {
                path: folder.join(name),
                given: given.to_string(),
                tree: self.tree_digest().to_string(),
            })),
        }
    }

    /// Returns the name of the first shard if this is a set of shards and the digest is one of a
    /// file, which cannot prove the set.
    pub(crate) fn shard_that_would_prove(&self, given: &Digest) -> Result<Option<&str>> {
        let algorithm = given.algorithm().map_err(CatalogError::InvalidDigest)?;
        let is_of_file = algorithm.proves() == DigestSubject::File;
        let name = self.entry_file.as_deref().filter(|name| {
            is_of_file && self.model_files().count() > 1 && Shard::parse(name).is_some()
        });
        Ok(name)
    }

    /// Returns the size of its files, in bytes.
    pub fn size(&self) -> u64 {
        let sizes = self.files.iter().map(|file| file.size);
        sizes.fold(0, u64::saturating_add)
    }

    /// Returns the name of its folder, which follows from the id, the content, the entry file, the
    /// revision if there is one, and the companions if there are any.
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
        if self.version > VERSION_OF_ALL_FILES {
            key.update(b"companions\0");
            key.update(tree_of(of_role(&self.files, Role::Companion)).value);
        }
        hex::encode(key.finalize())
    }

    /// Returns the path for users of the model, in the folder of the artifact.
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

    /// Reads the manifest of an artifact, if there is one.
    ///
    /// # Errors
    ///
    /// [`CatalogError::StoreDamaged`] if it is not a manifest, or belongs to another artifact;
    /// [`CatalogError::StoreTooNew`] if a newer release wrote it.
    pub(super) fn read(folder: &ArtifactFolder) -> Result<Option<Self>> {
        let path = folder.manifest();
        let text = match read_text(&path, MAX_LEN) {
            Err(CatalogError::Io { source, .. })
                if source.kind() == io::ErrorKind::InvalidInput =>
            {
                return Err(damaged(&path, source.to_string()));
            }
            read => read?,
        };
        let Some(text) = text else {
            return Ok(None);
        };
        let manifest = Self::parse(&text).map_err(|why| match why {
            Unreadable::Damaged(detail) => damaged(&path, detail),
            Unreadable::TooNew(found) => CatalogError::StoreTooNew {
                path: path.clone(),
                found,
                supported: VERSION,
            },
        })?;
        let name = folder.path().file_name().unwrap_or_default();
        if name != manifest.key().as_str() {
            let detail = "it does not belong to the folder it is in".to_owned();
            return Err(damaged(&path, detail));
        }
        Ok(Some(manifest))
    }

    fn parse(text: &str) -> Result<Self, Unreadable> {
        let object = unseal(text).map_err(|detail| Unreadable::Damaged(detail.to_owned()))?;
        let failed = |error: serde_json::Error| Unreadable::Damaged(error.to_string());
        // By itself, as all else may have another form.
        let head: Head = serde_json::from_str(&object).map_err(failed)?;
        if head.version > VERSION {
            return Err(Unreadable::TooNew(head.version));
        }
        let mut manifest: Self = serde_json::from_str(&object).map_err(failed)?;
        if manifest.version == 1 {
            let is_unproved = manifest.unknown.remove("is_unproved") == Some(Value::Bool(true));
            manifest.basis = match is_unproved {
                true => Basis::OwnHash,
                false => Basis::SourceHash,
            };
        }
        manifest.check().map_err(Unreadable::Damaged)?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        for file in &self.files {
            check_file_name(&file.name)?;
            if file.digest.algo != "sha256" || !is_sha256(&file.digest.value) {
                return Err(format!("the digest of {:?} is no SHA-256", file.name));
            }
        }
        match &self.entry_file {
            Some(name) if self.files.iter().all(|file| file.name != *name) => {
                Err("it hands out a file that it does not have".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// The field that every version has.
#[derive(Deserialize)]
struct Head {
    version: u64,
}

/// The reason why a manifest cannot be read.
enum Unreadable {
    Damaged(String),
    TooNew(u64),
}

fn of_role(files: &[ManifestFile], role: Role) -> impl Iterator<Item = &ManifestFile> {
    files.iter().filter(move |file| file.role == role)
}

fn tree_of<'f>(files: impl Iterator<Item = &'f ManifestFile>) -> Digest {
    let contents: Vec<FileContent> = files.filter_map(ManifestFile::content).collect();
    Digest::of_contents(&contents)
}

/// Reads a text file of the store's own, if there is one. A file of more than `max` bytes is
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

/// Writes and syncs a new file of the store's own. Its name is not durable yet.
pub(super) fn write_text(layout: &Layout, path: &Path, text: &str) -> Result<()> {
    let failed = |error| CatalogError::io("write", path, error);
    let mut file = create_file(layout, path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)
}

pub(super) fn damaged(path: &Path, detail: String) -> CatalogError {
    CatalogError::StoreDamaged {
        path: path.to_path_buf(),
        detail,
        repair: "import or provision its model again, which replaces the manifest, or move the \
                 folder that it is in out of the root",
    }
}
