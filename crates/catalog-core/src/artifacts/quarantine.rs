use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::manifest::Manifest;
use super::manifest_file::ManifestFile;
use super::store::ArtifactStore;
use super::text_file::{read_text, write_text};
use crate::digest::{Digest, seal, unseal};
use crate::error::{CatalogError, Result};
use crate::root::{
    LastLink, QuarantineFolder, WriterLock, create_own_folder, create_unique_folder, now_ms,
    resolve, sync_folder,
};

/// The evidence against a file in quarantine. It is stored as `evidence.json` beside the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evidence {
    /// The ids of the models that the file was part of, sorted.
    pub ids: Vec<String>,
    /// The name of the file in the first of these models.
    pub name: String,
    /// The digest that the file should have.
    pub expected: Digest,
    /// The actual digest of the file. It is `None` if the file cannot be read, or if it is not part
    /// of the model. In the second case, `expected` is the digest of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual: Option<Digest>,
    /// The actual and the expected size of the file.
    pub size: FileSizes,
    /// The time when the problem was found, in milliseconds since 1970.
    pub found_ms: u64,
    /// The last time when the file is known to have had the expected digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good_ms: Option<u64>,
}

/// The actual and the expected size of a file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
#[non_exhaustive]
pub struct FileSizes {
    /// The actual size.
    pub found: u64,
    /// The expected size; 0 for a file that is not part of the model.
    pub expected: u64,
}

impl From<(u64, u64)> for FileSizes {
    fn from((found, expected): (u64, u64)) -> Self {
        Self { found, expected }
    }
}

impl From<FileSizes> for (u64, u64) {
    fn from(sizes: FileSizes) -> Self {
        (sizes.found, sizes.expected)
    }
}

impl Evidence {
    /// Reads the evidence against a file in quarantine. Returns `None` if it is missing or damaged.
    pub(crate) fn read(folder: &QuarantineFolder) -> Option<Self> {
        let text = read_text(&folder.evidence(), 1 << 20).ok()??;
        serde_json::from_str(&unseal(&text).ok()?).ok()
    }

    /// Creates the evidence against a file of the model with this id.
    pub(crate) fn new(id: &str, file: &ManifestFile, actual: Digest, size: u64) -> Self {
        Self {
            ids: vec![id.to_owned()],
            name: file.name.clone(),
            expected: file.digest.clone(),
            actual: Some(actual),
            size: FileSizes::from((size, file.size)),
            found_ms: now_ms(),
            last_good_ms: None,
        }
    }
}

/// An artifact that contains a link to a given file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sharer {
    pub(crate) key: String,
    /// The linked file in this artifact.
    file: ManifestFile,
}

impl ArtifactStore {
    /// Returns true if no folder of a path below the root is a symbolic link.
    pub(crate) fn is_straight(&self, path: &Path) -> Result<bool> {
        let folder = path.parent().unwrap_or(path);
        Ok(resolve(folder, LastLink::Follow)? == folder)
    }

    /// Returns the path of a file of an artifact.
    pub(crate) fn file_of(&self, key: &str, file: &ManifestFile) -> PathBuf {
        self.layout().artifact(key).files().join(&file.name)
    }

    /// Returns the artifacts that contain a link to the file at `path`. Skips artifacts whose
    /// manifest cannot be read, so that they do not keep a bad file in service. Checks the `likely`
    /// artifacts first. The search ends when all links are found.
    pub(crate) fn sharers_of<'k>(
        &self,
        path: &Path,
        expected: &Digest,
        likely: impl IntoIterator<Item = &'k str>,
    ) -> Result<Vec<Sharer>> {
        let Some(inode) = inode_of(path)? else {
            return Ok(Vec::new());
        };
        // Each link is the blob or is in an artifact, except for links in backups.
        let has_blob = inode_of(&self.layout().blob(&expected.value))? == Some(inode);
        let names = fs::symlink_metadata(path).map_or(0, |metadata| metadata.nlink());
        let names = names.saturating_sub(u64::from(has_blob)) as usize;
        let (mut sharers, mut seen) = (Vec::new(), BTreeSet::new());
        let mut look_at = |key: &str, sharers: &mut Vec<Sharer>| match sharers.len() < names
            && seen.insert(key.to_owned())
        {
            true => self.add_sharers(key, inode, sharers),
            false => Ok(()),
        };
        if let Some(own) = self.key_in(path) {
            look_at(own, &mut sharers)?;
        }
        for key in likely {
            look_at(key, &mut sharers)?;
        }
        if sharers.len() < names {
            for key in self.keys()? {
                look_at(&key, &mut sharers)?;
            }
        }
        Ok(sharers)
    }

    /// Adds the files of an artifact that are links to the file with this inode.
    fn add_sharers(&self, key: &str, inode: (u64, u64), sharers: &mut Vec<Sharer>) -> Result<()> {
        let manifest = match self.manifest(key) {
            Ok(manifest) => manifest,
            Err(error) => {
                tracing::warn!(key, %error, "the manifest of an artifact cannot be read");
                return Ok(());
            }
        };
        for file in manifest.files {
            let path = self.file_of(key, &file);
            // A path through a symbolic link does not lead to a file of the artifact.
            if inode_of(&path)? == Some(inode) && self.is_straight(&path)? {
                sharers.push(Sharer {
                    key: key.to_owned(),
                    file,
                });
            }
        }
        Ok(())
    }

    /// Moves a file that failed verification into quarantine with its evidence. Removes each other
    /// link of the store to the file. Returns its new path.
    pub(crate) fn quarantine(
        &self,
        _: &WriterLock,
        path: &Path,
        evidence: &Evidence,
        sharers: &[Sharer],
    ) -> Result<PathBuf> {
        let folder = self.quarantine_folder(evidence)?;
        let blob = self.layout().blob(&evidence.expected.value);
        if inode_of(&blob)? == inode_of(path)? {
            remove(&blob)?;
        }
        fs::rename(path, folder.file())
            .map_err(|error| CatalogError::io("move to", folder.file(), error))?;
        for Sharer { key, file } in sharers {
            let other = self.file_of(key, file);
            if other != path {
                remove(&other)?;
            }
            sync(other.parent().expect("it is in the folder of files"))?;
        }
        sync(folder.path())?;
        sync(&self.layout().quarantine())?;
        Ok(folder.file())
    }
}

impl ArtifactStore {
    /// Creates a folder in the quarantine, with the evidence against a file.
    fn quarantine_folder(&self, evidence: &Evidence) -> Result<QuarantineFolder> {
        let quarantine = self.layout().quarantine();
        create_own_folder(self.layout(), &quarantine)?;
        let folder = create_unique_folder(self.layout(), &quarantine)?;
        let folder = QuarantineFolder::new(folder.keep());
        let text = serde_json::to_string(evidence).expect("it has only text and numbers");
        write_text(
            self.layout(),
            &folder.evidence(),
            &format!("{}\n", seal(&text)),
        )?;
        Ok(folder)
    }

    /// Moves a file in the folder of a model that is not part of the model into quarantine. Returns
    /// its new path. The caller holds the lock of artifacts.
    pub(super) fn set_aside(&self, path: &Path, of: &Manifest) -> Result<PathBuf> {
        let metadata =
            fs::symlink_metadata(path).map_err(|error| CatalogError::io("look at", path, error))?;
        let evidence = Evidence {
            ids: vec![of.id.clone()],
            name: path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
            expected: of.digest.clone(),
            actual: None,
            size: FileSizes::from((metadata.len(), 0)),
            found_ms: now_ms(),
            last_good_ms: None,
        };
        let folder = self.quarantine_folder(&evidence)?;
        fs::rename(path, folder.file())
            .map_err(|error| CatalogError::io("move to", folder.file(), error))?;
        sync(folder.path())?;
        sync(&self.layout().quarantine())?;
        Ok(folder.file())
    }
}

fn inode_of(path: &Path) -> Result<Option<(u64, u64)>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some((metadata.dev(), metadata.ino()))),
        Err(error) if crate::root::is_absence(&error) => Ok(None),
        Err(error) => Err(CatalogError::io("look at", path, error)),
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(CatalogError::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

fn sync(folder: &Path) -> Result<()> {
    sync_folder(folder).map_err(|error| CatalogError::io("sync folder", folder, error))
}
