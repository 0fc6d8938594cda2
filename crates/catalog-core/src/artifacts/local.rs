use std::fs::{self, File, Metadata};
use std::path::{Path, PathBuf};

use super::formats::{
    ContentCheck, ContentWarning, Shard, check_content, check_download, shard_set, split_of,
};
use super::shard_files::{find_shards, folder_of, is_own_shard};
use crate::digest::{
    Digest, DigestAlgorithm, DigestSubject, FileContent, NOT_OF_A_MODEL, VerificationOutcome,
    VerificationOutcomeKind, hash_files, is_of_a_model, verify_digest,
};
use crate::error::{CatalogError, DigestError, Result};
use crate::progress::Progress;
use crate::root::{FileStamp, FoundFile, Links, is_absence, list_files};

/// A local model: one path, resolved to all the files that the model consists of.
///
/// - A regular file is a model of one file.
/// - A shard of a set, such as `m-00001-of-00003.gguf`, stands for all shards of the set.
/// - A folder is a model of all files below it, without those of
///   [`EXCLUDED_NAMES`](Self::EXCLUDED_NAMES).
///
/// ```
/// use catalog_core::{LocalModel, LocalModelKind};
///
/// # let folder = tempfile::tempdir()?;
/// let first = folder.path().join("m-00001-of-00002.gguf");
/// std::fs::write(&first, b"GGUF")?;
/// assert!(LocalModel::resolve(&first).is_err(), "the second shard is missing");
///
/// let second = folder.path().join("m-00002-of-00002.gguf");
/// std::fs::write(&second, b"GGUF")?;
/// let model = LocalModel::resolve(&second)?;
/// assert_eq!(model.kind(), LocalModelKind::ShardSet);
/// assert_eq!((model.size(), model.engine_path()), (8, first.as_path()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct LocalModel {
    path: PathBuf,
    kind: LocalModelKind,
    /// Sorted by the bytes of their names, which are relative to the model's folder.
    files: Vec<FoundFile>,
}

/// The kind of a local model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LocalModelKind {
    /// One file.
    File,
    /// All shards of one set.
    ShardSet,
    /// A folder of files.
    Folder,
}

/// The result of the comparison of a model with its expected digest.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Comparison {
    /// The outcome.
    pub outcome: VerificationOutcome,
    /// The digest of the bytes, of the same algorithm as the expected one.
    pub actual: Digest,
}

impl LocalModel {
    /// The names of files and folders that are no part of a model, wherever they lie below its folder:
    /// those of version control, of downloaders, of macOS, and locks. `*` stands for any text, at the
    /// beginning or at the end.
    ///
    /// Tree digests, imports, staging areas and fetchers leave them out, with all files below such a
    /// folder.
    pub const EXCLUDED_NAMES: &[&str] = &NOT_OF_A_MODEL;

    /// Returns true if a file of this relative name is part of a model. Its parts are joined by `/`,
    /// and none of them is one of [`EXCLUDED_NAMES`](Self::EXCLUDED_NAMES).
    ///
    /// ```
    /// use catalog_core::LocalModel;
    ///
    /// assert!(LocalModel::has_file("text_encoder/model.safetensors"));
    /// assert!(!LocalModel::has_file(".gitattributes"));
    /// assert!(!LocalModel::has_file("text_encoder/._model.safetensors"));
    /// ```
    pub fn has_file(name: &str) -> bool {
        is_of_a_model(name)
    }

    /// Returns the names of all shards of the set that a shard belongs to, in order. Engines load the
    /// first. Returns `None` for a name that is not that of a shard.
    ///
    /// ```
    /// use catalog_core::LocalModel;
    ///
    /// let set = LocalModel::shard_names("q4/model-00002-of-00002.gguf").expect("a shard");
    /// assert_eq!(set, ["q4/model-00001-of-00002.gguf", "q4/model-00002-of-00002.gguf"]);
    /// assert_eq!(LocalModel::shard_names("model.gguf"), None);
    /// ```
    pub fn shard_names(name: &str) -> Option<Vec<String>> {
        shard_set(name)
    }

    /// Resolves a path to the files of its model. Opens none of them.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ArtifactMissing`] if nothing is at the path,
    /// [`CatalogError::ArtifactUnusable`] if a socket, pipe or device is there, or a link that leads
    /// nowhere, [`CatalogError::ArtifactIncomplete`] if a shard of the set is missing or is no
    /// regular file, [`CatalogError::Io`].
    pub fn resolve(path: &Path) -> Result<Self> {
        let metadata = look_at(path)?;
        let model = |kind, files| Self {
            path: path.to_path_buf(),
            kind,
            files,
        };
        if metadata.is_dir() {
            let files = list_files(path, is_of_a_model, Links::Follow)?;
            return Ok(model(LocalModelKind::Folder, files));
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.unwrap_or_default();
        let named = regular_file(path, name, &metadata)?;
        // A set of one shard is one file.
        match Shard::parse(name).filter(|shard| shard.count() > 1) {
            None => Ok(model(LocalModelKind::File, vec![named])),
            Some(shard) => Ok(model(LocalModelKind::ShardSet, find_shards(shard, named)?)),
        }
    }

    /// Returns the kind of the model.
    pub fn kind(&self) -> LocalModelKind {
        self.kind
    }

    /// Returns the path that was resolved; of a set, it may be any of the shards.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path to give to an engine: the file, the first shard, or the folder.
    pub fn engine_path(&self) -> &Path {
        match (self.kind, self.files.first()) {
            (LocalModelKind::ShardSet, Some(first)) => &first.path,
            _ => &self.path,
        }
    }

    /// Returns the size of all files together, in bytes.
    pub fn size(&self) -> u64 {
        let sizes = self.files.iter().map(|file| file.stamp.size());
        sizes.fold(0, u64::saturating_add)
    }

    /// Returns the kind of digest that proves the whole model: a set is proved like a folder.
    pub fn subject(&self) -> DigestSubject {
        match self.kind {
            LocalModelKind::File => DigestSubject::File,
            LocalModelKind::ShardSet | LocalModelKind::Folder => DigestSubject::Folder,
        }
    }

    pub(crate) fn files(&self) -> &[FoundFile] {
        &self.files
    }

    /// Opens the file, or each shard. Files of a folder are not opened.
    pub(crate) fn check_readable(&self) -> Result<()> {
        if self.kind == LocalModelKind::Folder {
            return match self.files.is_empty() {
                true => Err(unusable(&self.path, "a folder without any file")),
                false => Ok(()),
            };
        }
        self.files.iter().try_for_each(|file| {
            let opened = File::open(&file.path);
            let opened = opened.map_err(|error| CatalogError::io("open", &file.path, error));
            opened.map(drop)
        })
    }

    /// Reads the header of each shard, and checks that the number and the count of shards in it are
    /// those of the file's name. A header without them passes. Other models have no shards to check.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ForeignShards`] if a header belongs to another shard, [`CatalogError::Io`].
    pub fn check_shards(&self) -> Result<()> {
        if self.kind != LocalModelKind::ShardSet {
            return Ok(());
        }
        let mut foreign = Vec::new();
        for file in &self.files {
            let split = split_of(&file.path, file.stamp.size())?;
            if !is_own_shard(&file.name, split) {
                foreign.push(file.name.clone());
            }
        }
        match foreign.is_empty() {
            true => Ok(()),
            false => Err(CatalogError::ForeignShards {
                path: folder_of(&self.path).to_path_buf(),
                foreign,
            }),
        }
    }

    /// Checks the content of the model: see [`ContentCheck`]. Reads names, beginnings and headers only, and
    /// logs what it warns of. `check` ends the reading by failing.
    ///
    /// # Errors
    ///
    /// [`CatalogError::FormatRefused`] for content that is refused, [`CatalogError::ArtifactIncomplete`] if
    /// a file of the model is missing, [`CatalogError::Io`], and the error of `check`.
    pub fn check_content(
        &self,
        how: ContentCheck,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<Vec<ContentWarning>> {
        let folder = match self.kind {
            LocalModelKind::Folder => &self.path,
            LocalModelKind::File | LocalModelKind::ShardSet => folder_of(&self.path),
        };
        if self.kind == LocalModelKind::Folder && how != ContentCheck::Skip {
            check_download(folder)?;
        }
        check_content(how, folder, &self.files, check)
    }

    /// Computes a digest of the whole model. `progress` can stop it by failing. The tree digest of
    /// a set is that of a folder that holds exactly its shards.
    ///
    /// # Errors
    ///
    /// [`DigestError::WrongKind`] for an algorithm that does not prove such a model,
    /// [`CatalogError::ArtifactChanged`], [`CatalogError::Io`], and the error that `progress`
    /// returns.
    pub fn digest(
        &self,
        algorithm: DigestAlgorithm,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Digest> {
        match (self.kind, algorithm.proves()) {
            (LocalModelKind::ShardSet, DigestSubject::Folder) => {
                Ok(Digest::of_contents(&self.hash_shards(progress)?))
            }
            (LocalModelKind::ShardSet, DigestSubject::File) => {
                Err(CatalogError::InvalidDigest(DigestError::WrongKind {
                    algorithm: algorithm.name(),
                    proves: algorithm.proves().name(),
                    found: "set of shards",
                    path: self.path.clone(),
                }))
            }
            _ => Digest::compute_or_stop(&self.path, algorithm, progress),
        }
    }

    /// Hashes the model and compares it with the expected digest.
    ///
    /// A file digest cannot prove a set of shards. If it is `pinned` already, it is compared with
    /// the shard at [`path`](Self::path): then the outcome is Warn, and its reason names the tree
    /// digest to pin, or Fail.
    ///
    /// # Errors
    ///
    /// [`DigestError::OfOneShard`] for a file digest of a set that is not pinned; otherwise as
    /// [`digest`](Self::digest) and [`check_shards`](Self::check_shards).
    pub fn compare(
        &self,
        expected: &Digest,
        pinned: Option<&Digest>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Comparison> {
        let expected = expected.canonical().map_err(CatalogError::InvalidDigest)?;
        let algorithm = expected.algorithm().map_err(CatalogError::InvalidDigest)?;
        self.check_shards()?;
        if self.kind != LocalModelKind::ShardSet || algorithm.proves() == DigestSubject::Folder {
            let mut actual = self.digest(algorithm, progress)?;
            // An earlier release may have pinned this folder by rules that counted more files.
            if actual != expected
                && self.kind == LocalModelKind::Folder
                && expected.is_of_first_edition(&self.path, progress)?
            {
                actual = expected.clone();
            }
            let outcome = verify_digest(Some(&actual), Some(&expected));
            return Ok(Comparison { outcome, actual });
        }
        let contents = self.hash_shards(progress)?;
        let tree = Digest::of_contents(&contents);
        let pinned = pinned.and_then(|pinned| pinned.canonical().ok());
        if pinned.as_ref() != Some(&expected) {
            return Err(CatalogError::InvalidDigest(DigestError::OfOneShard {
                path: self.path.clone(),
                given: expected.to_string(),
                tree: tree.to_string(),
            }));
        }
        let total = self.size();
        let mut at_end = |_| progress(Progress::of(total, total));
        let actual = match algorithm {
            DigestAlgorithm::Sha256 => self.digest_of_named(&contents),
            _ => Digest::compute_or_stop(&self.path, algorithm, &mut at_end)?,
        };
        let outcome = verify_digest(Some(&actual), Some(&expected));
        if outcome.kind != VerificationOutcomeKind::Pass {
            return Ok(Comparison { outcome, actual });
        }
        let outcome = warn_of_one_shard(&expected, &self.path, contents.len(), &tree);
        Ok(Comparison { outcome, actual })
    }

    fn digest_of_named(&self, contents: &[FileContent]) -> Digest {
        let is_named = |file: &&FoundFile| file.path == self.path;
        let named = self.files.iter().find(is_named);
        let named = named.expect("the named shard is one of its set");
        let content = contents.iter().find(|content| content.name == named.name);
        Digest::of_content(content.expect("each shard was hashed"))
    }

    /// Hashes all shards, and checks that the set is still the same afterwards.
    fn hash_shards(
        &self,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Vec<FileContent>> {
        let contents = hash_files(&self.files, progress)?;
        let now = Self::resolve(&self.path)?;
        let mut both = now.files.iter().zip(&self.files);
        match now.files.len() == self.files.len() && both.all(|(now, then)| now.is_same(then)) {
            true => Ok(contents),
            false => Err(CatalogError::ArtifactChanged {
                path: self.path.clone(),
            }),
        }
    }
}

/// Returns the outcome for a digest that one shard of a set has.
pub(crate) fn warn_of_one_shard(
    digest: &Digest,
    shard: &Path,
    count: usize,
    tree: &Digest,
) -> VerificationOutcome {
    let shard = shard.display();
    VerificationOutcome {
        kind: VerificationOutcomeKind::Warn,
        reason: Some(format!(
            "{digest} is the digest of {shard}, which is only one of {count} shards; pin {tree}, \
             which proves all of them"
        )),
    }
}

/// Returns the error for a path at which nothing is.
/// Returns the metadata of a path of a user. Links are followed.
pub(super) fn look_at(path: &Path) -> Result<Metadata> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata),
        Err(error) if is_absence(&error) => Err(absent(path)),
        Err(error) => Err(CatalogError::io("look at", path, error)),
    }
}

/// Returns a path that is no folder as a file of this name.
pub(super) fn regular_file(path: &Path, name: &str, metadata: &Metadata) -> Result<FoundFile> {
    if !metadata.is_file() {
        let found = match metadata.is_dir() {
            true => "a folder",
            false => "a socket, pipe or device",
        };
        return Err(unusable(path, found));
    }
    Ok(FoundFile {
        name: name.to_owned(),
        path: path.to_path_buf(),
        stamp: FileStamp::of(metadata),
    })
}

fn absent(path: &Path) -> CatalogError {
    match fs::symlink_metadata(path) {
        Ok(_) => unusable(path, "a symbolic link that leads nowhere"),
        Err(_) => CatalogError::ArtifactMissing {
            path: path.to_path_buf(),
        },
    }
}

fn unusable(path: &Path, found: &'static str) -> CatalogError {
    CatalogError::ArtifactUnusable {
        path: path.to_path_buf(),
        found,
    }
}
