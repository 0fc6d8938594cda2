use std::path::{Path, PathBuf};

use crate::entry::{CatalogEntry, EngineArtifact, EngineEntry};
use crate::error::Result;
use crate::root::StoreRoot;
use crate::state::{
    EngineRecord, OutsidePaths, remove_unreferenced, validate_engine, validate_model,
};

/// The root of a catalog whose entries are stored elsewhere, such as in a database. It applies the
/// rules of the [`CatalogStore`](crate::CatalogStore) contract about entries, paths and deletion.
///
/// An implementation of a catalog calls [`check_model`](Self::check_model) before it writes an
/// entry, and [`remove_model`](Self::remove_model) after it deleted an entry. During both it must
/// exclude other writers. The example `redb_catalog` of `model-provisioner` is such an
/// implementation.
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
pub struct CatalogRoot(StoreRoot);

impl CatalogRoot {
    /// Opens a root. Creates the folder if it does not exist.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`](crate::CatalogError::Io) if the folder cannot be created.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self(StoreRoot::open(path.as_ref())?))
    }

    /// Returns the absolute path of the root, with symbolic links resolved.
    pub fn path(&self) -> &Path {
        self.0.path()
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
        let placed = validate_model(&self.0, OutsidePaths::Record, entry)?;
        Ok(CatalogEntry {
            local_path: self.0.absolute(Path::new(&placed.stored)),
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
        let stored = validate_engine(&self.0, OutsidePaths::Record, entry)?;
        Ok(EngineRecord::new(entry, stored, None).entry(&entry.id, &self.0))
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
        remove_unreferenced(&self.0, id, &self.stored_form(path), users)
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
