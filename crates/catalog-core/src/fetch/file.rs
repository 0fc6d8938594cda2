use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::fetcher::ModelFetcher;
use crate::entry::ResolvedModel;
use crate::error::{CatalogError, Result};
use crate::reference::ModelRef;
use crate::root::{LastLink, has_file, resolve};

/// Uses local files and folders where they are: no copy, no network, no process.
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
    /// Looks whether a file or a folder that is not empty is there and can be read.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ArtifactMissing`], [`CatalogError::ArtifactUnusable`],
    /// [`CatalogError::Io`] if it cannot be read, [`CatalogError::NoFetcher`] for a reference to
    /// another host.
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
        match mr {
            ModelRef::File { path } => {
                let id = mr.id()?;
                let local_path = resolve(path, LastLink::Keep)?;
                check_readable(&local_path)?;
                Ok(ResolvedModel { id, local_path })
            }
            ModelRef::Hf { .. } | ModelRef::Url { .. } => {
                mr.id()?;
                Err(CatalogError::NoFetcher {
                    scheme: mr.scheme(),
                    reference: mr.to_string(),
                    repair: repair_of(mr),
                })
            }
        }
    }
}

fn check_readable(path: &Path) -> Result<()> {
    let unusable = |found| {
        Err(CatalogError::ArtifactUnusable {
            path: path.to_path_buf(),
            found,
        })
    };
    // Looked at before it is opened: opening a pipe waits for a writer.
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match fs::symlink_metadata(path) {
                Ok(_) => unusable("a symbolic link that leads nowhere"),
                Err(_) => Err(CatalogError::ArtifactMissing {
                    path: path.to_path_buf(),
                }),
            };
        }
        Err(error) => return Err(CatalogError::io("look at", path, error)),
    };
    if metadata.is_file() {
        return match File::open(path) {
            Ok(_) => Ok(()),
            Err(error) => Err(CatalogError::io("open", path, error)),
        };
    }
    if !metadata.is_dir() {
        return unusable("a socket, pipe or device");
    }
    if has_file(path)? {
        Ok(())
    } else {
        unusable("a folder without any file")
    }
}

fn repair_of(mr: &ModelRef) -> &'static str {
    match mr.scheme() {
        "hf" => {
            "compose a ModelFetcher for the hub, or download it with \
             `hf download ORG/REPO --local-dir FOLDER` and refer to FOLDER"
        }
        "oci" => "compose a ModelFetcher for registries, or pull it and refer to the local folder",
        "s3" => "compose a ModelFetcher for object stores, or copy it here and refer to the file",
        _ => "compose a ModelFetcher for the web, or download it and refer to the file",
    }
}
