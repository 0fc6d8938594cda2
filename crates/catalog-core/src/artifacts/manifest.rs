use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::formats::Shard;
use super::manifest_file::{ManifestFile, Role};
use super::provenance::{Provenance, Validators};
use super::text_file::read_text;
use crate::digest::{Basis, Digest, DigestSubject, FileContent, seal, unseal};
use crate::error::{CatalogError, DigestError, Result};
use crate::reference::{FilePatterns, check_file_name};
use crate::root::{ArtifactFolder, is_sha256};

/// The newest version that this release reads. It writes this version for models with companions.
const VERSION: u64 = 3;

/// The version of models without companions. Up to this version, the digest of the model and the
/// key cover all files.
const VERSION_OF_ALL_FILES: u64 = 2;

/// The maximum size of a manifest, in bytes. It is enough for several hundred thousand files.
const MAX_LEN: u64 = 64 << 20;

/// The manifest of a managed artifact, which lists its files and their source. It is stored as
/// `manifest.json` in the folder of the artifact.
///
/// The text is a JSON object with these fields, one file per line. Its last field is `checksum`. A
/// reader keeps unknown fields.
///
/// Version 1 has the field `is_unproved` instead of `basis`. If it is true, the basis is
/// [`OwnHash`](Basis::OwnHash). Otherwise the basis is [`SourceHash`](Basis::SourceHash), the
/// weakest basis that version 1 accepted as proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    version: u64,
    /// The catalog id of the staged model.
    pub id: String,
    /// The name of the file that users of the model get. If it is `None`, they get the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_file: Option<String>,
    /// The digest that proves the model: the SHA-256 of its only file, or the tree digest of
    /// several files. It does not cover companions.
    pub digest: Digest,
    /// The place that the bytes came from, without secrets, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The resolved revision of the source, such as a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The name of the fetcher.
    pub fetcher: String,
    /// The spelling of the repository at the source, without secrets. It is `None` if it is the
    /// same as in the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_spelling: Option<String>,
    /// The source of the digests that the bytes were compared with during staging.
    #[serde(default)]
    pub basis: Basis,
    /// The names of the requested files. It is empty if all files were requested.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub requested: BTreeSet<String>,
    /// The patterns that chose the requested files. It is empty if all files were requested.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub patterns: BTreeSet<FilePatterns>,
    /// The validators that the source stated for single files, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub validators: BTreeMap<String, Validators>,
    /// The time of the verification before the publication, in milliseconds since 1970.
    pub published_ms: u64,
    /// The files of the artifact, sorted by the bytes of their names.
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
            patterns: provenance.patterns.clone(),
            validators: provenance.validators.clone(),
            published_ms,
            files,
            unknown: BTreeMap::new(),
        }
    }

    /// Returns the provenance of the bytes. A fetcher can use it to fetch some files again.
    pub fn provenance(&self) -> Provenance {
        let companions = of_role(&self.files, Role::Companion);
        Provenance {
            source: self.source.clone(),
            revision: self.revision.clone(),
            fetcher: self.fetcher.clone(),
            requested: self.requested.clone(),
            patterns: self.patterns.clone(),
            companions: companions.map(|file| file.name.clone()).collect(),
            validators: self.validators.clone(),
            source_spelling: self.source_spelling.clone(),
        }
    }

    /// Returns this manifest with the facts that a later fetch of the same bytes found: the
    /// validators of the source, a stronger basis, and more patterns that the files satisfy. Returns
    /// `None` if the later fetch found nothing new.
    pub(super) fn updated_from(&self, later: &Self) -> Option<Self> {
        let mut updated = self.clone();
        updated.basis = self.basis.max(later.basis);
        if !later.validators.is_empty() {
            updated.validators = later.validators.clone();
        }
        if self.patterns.is_empty() || later.patterns.is_empty() {
            updated.patterns.clear();
            updated.requested.clear();
        } else {
            updated.patterns.extend(later.patterns.iter().cloned());
            updated.requested.extend(later.requested.iter().cloned());
        }
        (updated != *self).then_some(updated)
    }

    /// Computes the tree digest of all files of the model, without its companions.
    pub fn tree_digest(&self) -> Digest {
        tree_of(self.model_files())
    }

    /// Computes the tree digest of the files that some patterns choose, without companions.
    pub fn tree_digest_of(&self, patterns: &FilePatterns) -> Digest {
        tree_of(self.model_files().filter(|file| patterns.has(&file.name)))
    }

    /// Returns the files that the digest proves: the files of the model without its companions.
    pub(crate) fn model_files(&self) -> impl Iterator<Item = &ManifestFile> {
        let is_proved =
            |file: &&ManifestFile| self.version <= VERSION_OF_ALL_FILES || file.role == Role::Model;
        self.files.iter().filter(is_proved)
    }

    /// Refuses a file digest for a set of shards, because the path of the set is that of its first
    /// shard. `folder` is the folder of the files.
    ///
    /// # Errors
    ///
    /// [`DigestError::OfOneShard`], which states the tree digest, and
    /// [`CatalogError::InvalidDigest`] for a malformed digest.
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

    /// Returns the name of the first shard if this is a set of shards and `given` is a file digest.
    /// Such a digest cannot prove the set.
    pub(crate) fn shard_that_would_prove(&self, given: &Digest) -> Result<Option<&str>> {
        let algorithm = given.algorithm().map_err(CatalogError::InvalidDigest)?;
        let is_of_file = algorithm.proves() == DigestSubject::File;
        let name = self.entry_file.as_deref().filter(|name| {
            is_of_file && self.model_files().count() > 1 && Shard::parse(name).is_some()
        });
        Ok(name)
    }

    /// Returns the total size of the files, in bytes.
    pub fn size(&self) -> u64 {
        let sizes = self.files.iter().map(|file| file.size);
        sizes.fold(0, u64::saturating_add)
    }

    /// Computes the key of the artifact, which is the name of its folder. The key depends on the
    /// id, the content, the entry file, the revision if there is one, and the companions if there
    /// are any.
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

    /// Returns the path for users of the model below the folder of the artifact.
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

    /// Reads the manifest of an artifact, if the manifest exists.
    ///
    /// # Errors
    ///
    /// [`CatalogError::StoreDamaged`] if the file is not a manifest or belongs to another artifact,
    /// [`CatalogError::StoreTooNew`] if a newer release wrote it.
    pub(super) fn read(folder: &ArtifactFolder) -> Result<Option<Self>> {
        let path = folder.manifest();
        let text = match read_text(&path, MAX_LEN) {
            Err(CatalogError::Io { source, .. })
                if source.kind() == io::ErrorKind::InvalidInput =>
            {
                return Err(damaged(&path, source.to_string()));
            }
            Err(CatalogError::StoreDamaged { detail, .. }) => return Err(damaged(&path, detail)),
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
            let detail = "it belongs to another folder".to_owned();
            return Err(damaged(&path, detail));
        }
        Ok(Some(manifest))
    }

    fn parse(text: &str) -> Result<Self, Unreadable> {
        let object = unseal(text).map_err(|detail| Unreadable::Damaged(detail.to_owned()))?;
        let failed = |error: serde_json::Error| Unreadable::Damaged(error.to_string());
        // The version is parsed first, because the other fields of a newer version may have another
        // form.
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
                return Err(format!("the digest of {:?} is not a SHA-256", file.name));
            }
        }
        match &self.entry_file {
            Some(name) if self.files.iter().all(|file| file.name != *name) => {
                Err("its entry file is not one of its files".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// The version, a field that each version has.
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

/// Returns the error of a manifest that cannot be read.
pub(super) fn damaged(path: &Path, detail: String) -> CatalogError {
    CatalogError::StoreDamaged {
        path: path.to_path_buf(),
        detail,
        repair: "import or provision the model again, which replaces this file; or move the \
                 folder of this file out of the root",
    }
}
