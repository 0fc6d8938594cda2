use std::path::{Path, PathBuf};

use crate::entry::{CatalogEntry, EngineArtifact, EngineEntry};
use crate::error::{CatalogError, PathProblem, Result};
use crate::root::{LastLink, StoreRoot, resolve};
use crate::state::{
    EngineRecord, OutsidePaths, remove_unreferenced, validate_engine, validate_model,
};

/// The root of a catalog whose entries are stored elsewhere, such as in a database. It applies the
/// rules of the [`CatalogStore`](crate::CatalogStore) contract about entries, paths and deletion.
///
/// An implementation of a catalog writes in this order:
///
/// - To put an entry, it calls [`check_model`](Self::check_model), takes its write lock, compares
///   what is expected, and commits the entry that the check returned.
/// - To delete an entry, it takes its write lock and commits the deletion. Then, still or again under
///   the write lock, it calls [`remove_model`](Self::remove_model) with all other entries, so that
///   nobody puts an entry for the same files meanwhile. If it dies in between, the files remain.
///
/// The files of the implementation itself are [reserved](Self::reserving). An entry has an absolute
/// path, so a root that is moved needs its entries put again. The example `redb_catalog` of
/// `model-provisioner` is such an implementation.
///
/// ```
/// use catalog_core::{CatalogEntry, CatalogRoot, LifecycleState};
///
/// # let folder = tempfile::tempdir()?;
/// let root = CatalogRoot::open(folder.path())?;
/// let mut entry = CatalogEntry {
///     id: "chat".to_owned(),
///     local_path: "models/chat.gguf".into(),
///     lifecycle: LifecycleState::Active,
///     digest: None,
///     last_verified_ms: None,
/// };
/// assert_eq!(root.check_model(&entry)?.local_path, root.path().join("models/chat.gguf"));
/// entry.local_path = "../elsewhere".into();
/// assert_eq!(root.check_model(&entry).unwrap_err().code(), "path_refused");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CatalogRoot {
    root: StoreRoot,
    /// The names in the root that belong to the implementation, in lower case.
    reserved: Vec<String>,
}

impl CatalogRoot {
    /// Opens a root. Creates the folder if it does not exist.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`](crate::CatalogError::Io) if the folder cannot be created.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self {
            root: StoreRoot::open(path.as_ref())?,
            reserved: Vec::new(),
        })
    }

    /// Reserves a name in the root for a file of the implementation, such as that of a database: a
    /// path to it is no artifact, so no deletion removes it.
    #[must_use]
    pub fn reserving(mut self, name: &str) -> Self {
        self.reserved.push(name.to_lowercase());
        self
    }

    /// Returns the absolute path of the root, with symbolic links resolved.
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// Checks the id, the digest and the path of an entry. Returns the entry with its absolute
    /// path.
    ///
    /// # Errors
    ///
    /// [`InvalidEntry`](crate::CatalogError::InvalidEntry) if a catalog cannot store the id, a
    /// digest or a text of the entry. [`PathRefused`](crate::CatalogError::PathRefused) if a path
    /// of the entry breaks the rules for paths.
    pub fn check_model(&self, entry: &CatalogEntry) -> Result<CatalogEntry> {
        let placed = validate_model(&self.root, OutsidePaths::Record, entry)?;
        let local_path = self.root.absolute(Path::new(&placed.stored));
        self.check_not_reserved(&local_path)?;
        Ok(CatalogEntry {
            local_path,
            ..entry.clone()
        })
    }

    /// Removes the artifact of a deleted entry, if the artifact lies below the root and no other
    /// entry needs it.
    ///
    /// # Errors
    ///
    /// [`ArtifactKept`](crate::CatalogError::ArtifactKept) if the artifact could not be removed.
    pub fn remove_model<'e>(
        &self,
        deleted: &CatalogEntry,
        others: impl IntoIterator<Item = &'e CatalogEntry>,
    ) -> Result<()> {
        let others = others.into_iter().map(|entry| entry.local_path.as_path());
        self.remove(&deleted.id, &deleted.local_path, others)
    }

    /// Checks the entry of an engine, as [`check_model`](Self::check_model) does for a model.
    /// Returns the entry with the absolute paths of its local artifacts.
    ///
    /// # Errors
    ///
    /// [`InvalidEntry`](crate::CatalogError::InvalidEntry) if a catalog cannot store the id, a
    /// digest or a text of the entry. [`PathRefused`](crate::CatalogError::PathRefused) if a path
    /// of the entry breaks the rules for paths.
    pub fn check_engine(&self, entry: &EngineEntry) -> Result<EngineEntry> {
        let stored = validate_engine(&self.root, OutsidePaths::Record, entry)?;
        let entry = EngineRecord::new(entry, stored, None).entry(&entry.id, &self.root);
        local_artifacts(&entry).try_for_each(|path| self.check_not_reserved(path))?;
        Ok(entry)
    }

    /// Removes the local artifacts of a deleted engine, as [`remove_model`](Self::remove_model)
    /// does for a model. If an artifact cannot be removed, the others are still removed.
    ///
    /// # Errors
    ///
    /// [`ArtifactKept`](crate::CatalogError::ArtifactKept) if an artifact could not be removed. The
    /// error names the first such artifact.
    pub fn remove_engine<'e>(
        &self,
        deleted: &EngineEntry,
        others: impl IntoIterator<Item = &'e EngineEntry>,
    ) -> Result<()> {
        let others: Vec<&Path> = others.into_iter().flat_map(local_artifacts).collect();
        let removed = local_artifacts(deleted)
            .map(|path| self.remove(&deleted.id, path, others.iter().copied()));
        removed.fold(Ok(()), Result::and)
    }

    fn remove<'p>(
        &self,
        id: &str,
        path: &Path,
        others: impl Iterator<Item = &'p Path>,
    ) -> Result<()> {
        let others: Vec<PathBuf> = others.map(|path| self.stored_form(path)).collect();
        let users = others.iter().filter_map(|path| path.to_str());
        remove_unreferenced(&self.root, id, &self.stored_form(path), users)
    }

    /// Fails if a path, or the end of its links, is a reserved file.
    fn check_not_reserved(&self, path: &Path) -> Result<()> {
        if self.reserved.is_empty() {
            return Ok(());
        }
        let target = resolve(path, LastLink::Follow)?;
        let is_reserved = |end: &Path| {
            let first = end.strip_prefix(self.path()).ok()?.iter().next()?;
            let name = first.to_string_lossy().to_lowercase();
            Some(self.reserved.contains(&name))
        };
        match [path, &target]
            .into_iter()
            .any(|end| is_reserved(end) == Some(true))
        {
            false => Ok(()),
            true => {
                let root = self.path().to_path_buf();
                let problem = PathProblem::StoreFile { root };
                Err(CatalogError::path_refused(path, problem))
            }
        }
    }

    /// Returns a path of a checked entry relative to the root, if it lies below the root.
    fn stored_form(&self, path: &Path) -> PathBuf {
        path.strip_prefix(self.path()).unwrap_or(path).to_path_buf()
    }
}

fn local_artifacts(entry: &EngineEntry) -> impl Iterator<Item = &Path> {
    entry
        .artifacts
        .iter()
        .filter_map(|path| match EngineArtifact::of(path) {
            Ok(EngineArtifact::Local(path)) => Some(path),
            _ => None,
        })
}
