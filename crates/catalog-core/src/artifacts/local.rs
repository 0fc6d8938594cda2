use std::fs::File;
use std::path::{Path, PathBuf};

use super::formats::{
    ContentCheck, ContentWarning, Shard, check_content, check_download, shard_set, split_of,
};
use super::given_file::{look_at, regular_file, unusable};
use super::shard_files::{find_shards, folder_of, is_own_shard};
use crate::digest::{DigestSubject, NOT_OF_A_MODEL, is_of_a_model};
use crate::error::{CatalogError, Result};
use crate::root::{FoundFile, Links, list_files};

/// A local model: a path, and all files that the model consists of.
///
/// - A regular file is a model of one file.
/// - A shard of a set, such as `m-00001-of-00003.gguf`, is a model of all shards of the set.
/// - A folder is a model of all files below it, except those of
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
    /// The files, sorted by the bytes of their names. A name is relative to the folder of the
    /// model.
    files: Vec<FoundFile>,
}

/// The kind of a local model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LocalModelKind {
    /// One file.
    File,
    /// All shards of a set.
    ShardSet,
    /// A folder of files.
    Folder,
}

impl LocalModel {
    /// The names of files and folders that are not part of a model, at any depth below its folder:
    /// the names that version control, downloaders and macOS use, and lock files. A `*` at the
    /// beginning or the end stands for any text.
    ///
    /// Tree digests, imports, staging areas and fetchers exclude these files, and all files below
    /// these folders.
    pub const EXCLUDED_NAMES: &[&str] = &NOT_OF_A_MODEL;

    /// Returns true if the file with this relative name is part of a model: none of the parts of
    /// the name, which are joined by `/`, is one of [`EXCLUDED_NAMES`](Self::EXCLUDED_NAMES).
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

    /// Returns the names of all shards of the set that a shard belongs to, in order. Engines load
    /// the first one. Returns `None` if the name is not that of a shard.
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

    /// Resolves a path to the files of its model. Does not open the files.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ArtifactMissing`] if nothing is at the path,
    /// [`CatalogError::ArtifactUnusable`] if the path is a socket, pipe or device, or a link that
    /// leads nowhere, or if a folder has such a file or a link to a folder,
    /// [`CatalogError::ArtifactIncomplete`] if a shard of the set is missing or is not a regular
    /// file, [`CatalogError::Io`] if a path cannot be read.
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

    /// Returns the path that was resolved. For a set, it can be the path of any shard.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path for an engine: the file, the first shard, or the folder.
    pub fn engine_path(&self) -> &Path {
        match (self.kind, self.files.first()) {
            (LocalModelKind::ShardSet, Some(first)) => &first.path,
            _ => &self.path,
        }
    }

    /// Returns the total size of all files, in bytes.
    pub fn size(&self) -> u64 {
        let sizes = self.files.iter().map(|file| file.stamp.size());
        sizes.fold(0, u64::saturating_add)
    }

    /// Returns the names of the files of the model, sorted. In a folder, a name is relative to the
    /// folder, and its parts are joined by `/`.
    pub fn file_names(&self) -> impl Iterator<Item = &str> {
        self.files().iter().map(|file| file.name.as_str())
    }

    /// Returns the kind of digest that proves the whole model. A set of shards has a digest like a
    /// folder.
    pub fn subject(&self) -> DigestSubject {
        match self.kind {
            LocalModelKind::File => DigestSubject::File,
            LocalModelKind::ShardSet | LocalModelKind::Folder => DigestSubject::Folder,
        }
    }

    pub(crate) fn files(&self) -> &[FoundFile] {
        &self.files
    }

    /// Checks that the file, or each shard, can be opened. Does not open the files of a folder, but
    /// refuses an empty folder.
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

    /// Reads the header of each shard. Checks that the header states the same shard number and
    /// shard count as the name of the file. A header that states neither passes. A model that is
    /// not a set passes without a check.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ForeignShards`] if a header states another number or count,
    /// [`CatalogError::Io`] if a shard cannot be opened.
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

    /// Checks the content of the model by the rules of a [`ContentCheck`]. Reads only names,
    /// beginnings and headers. Logs the warnings, and returns them. An error of `check` ends the
    /// reading.
    ///
    /// # Errors
    ///
    /// [`CatalogError::FormatRefused`] if the content is refused,
    /// [`CatalogError::ArtifactIncomplete`] if a file of the model is missing, [`CatalogError::Io`]
    /// if a file cannot be read, and the error of `check`.
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
        check_content(how, folder, &self.files, &|_| false, check)
    }
}
