use super::fetcher::ModelFetcher;
use crate::artifacts::LocalModel;
use crate::entry::ResolvedModel;
use crate::error::{CatalogError, Result};
use crate::reference::ModelRef;
use crate::root::{LastLink, resolve};

/// A fetcher of local files and folders. It uses the files where they are, and needs no copy, no
/// network and no process.
///
/// ```
/// use catalog_core::{FileFetcher, ModelFetcher, ModelRef};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model.gguf");
/// std::fs::write(&path, b"GGUF")?;
/// let resolved = FileFetcher.ensure_present(&ModelRef::File { path })?;
/// assert!(resolved.local_path.ends_with("model.gguf"));
///
/// let remote = ModelRef::parse("hf:org/repo")?;
/// assert!(FileFetcher.ensure_present(&remote).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FileFetcher;

impl ModelFetcher for FileFetcher {
    /// Checks that a model is at the path: a readable file, a complete set of shards, or a folder
    /// with a file in it.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ArtifactMissing`] if nothing is at the path,
    /// [`CatalogError::ArtifactUnusable`] if the thing at the path cannot be a model,
    /// [`CatalogError::ArtifactIncomplete`] or [`CatalogError::ForeignShards`] if a set of shards
    /// is incomplete or mixed, [`CatalogError::Io`] if the model cannot be read,
    /// [`CatalogError::NoFetcher`] if the reference is not a local path.
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
        match mr {
            ModelRef::File { path } => {
                let id = mr.id()?;
                let local_path = resolve(path, LastLink::Keep)?;
                let model = LocalModel::resolve(&local_path)?;
                model.check_readable()?;
                model.check_shards()?;
                Ok(ResolvedModel { id, local_path })
            }
            ModelRef::Hf { .. } | ModelRef::Url { .. } => {
                mr.id()?;
                Err(unsupported(mr))
            }
        }
    }

    fn schemes(&self) -> Vec<&str> {
        vec!["file"]
    }

    fn check_support(&self, mr: &ModelRef) -> Result<()> {
        match mr {
            ModelRef::File { .. } => Ok(()),
            ModelRef::Hf { .. } | ModelRef::Url { .. } => Err(unsupported(mr)),
        }
    }
}

fn unsupported(mr: &ModelRef) -> CatalogError {
    CatalogError::no_fetcher(mr, repair_of(mr))
}

fn repair_of(mr: &ModelRef) -> &'static str {
    match &*mr.scheme() {
        "hf" => {
            "add a ModelFetcher for the hub, as `ModelProvisioner::with_network` does, or download \
             the model with `hf download ORG/REPO --local-dir FOLDER` and refer to FOLDER"
        }
        "oci" => "add a ModelFetcher for registries, or pull it and refer to the local folder",
        "s3" => "add a ModelFetcher for object stores, or copy it here and refer to the file",
        "http" | "https" => {
            "add a ModelFetcher for the web, as `ModelProvisioner::with_network` does, or download it \
             and refer to the file"
        }
        _ => "add a ModelFetcher that serves this scheme, or refer to a local file",
    }
}
