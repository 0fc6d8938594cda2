use std::path::{Path, PathBuf};

use super::fingerprint::Fingerprint;
use super::lease::Lease;
use super::manifest::Manifest;
use crate::digest::Digest;
use crate::entry::{CatalogEntry, LifecycleState};
use crate::root::{ArtifactFolder, FileLock, now_ms};

/// A managed model at its place in the store. While this is held, the model is not removed.
#[derive(Debug)]
pub struct Artifact {
    path: PathBuf,
    manifest: Manifest,
    lease: Lease,
    published: Option<Published>,
}

/// The fingerprint that the files of an artifact had when the artifact was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) fingerprint: Fingerprint,
    /// Whether an equal fingerprint at a later time proves that nothing changed since then.
    pub(crate) is_settled: bool,
}

impl Artifact {
    pub(super) fn new(folder: &ArtifactFolder, manifest: Manifest, lock: FileLock) -> Self {
        Self {
            published: None,
            path: manifest.path_in(folder),
            lease: Lease::new(folder.path().to_path_buf(), Some(lock)),
            manifest,
        }
    }

    /// Returns this artifact with the fingerprint that its files had when it was published.
    pub(super) fn with_published(self, published: Published) -> Self {
        Self {
            published: Some(published),
            ..self
        }
    }

    /// Returns the fingerprint from the publication. It is `None` if the artifact was opened later.
    pub(crate) fn published(&self) -> Option<&Published> {
        self.published.as_ref()
    }

    /// Returns the path for users of the model: the only file, the first shard, or the folder of
    /// files.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the digest that proves the model.
    pub fn digest(&self) -> &Digest {
        &self.manifest.digest
    }

    /// Returns the manifest of the artifact.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Creates the entry that registers the model as Active and as verified at this time.
    pub fn entry(&self) -> CatalogEntry {
        CatalogEntry {
            id: self.manifest.id.clone(),
            local_path: self.path.clone(),
            lifecycle: LifecycleState::Active,
            digest: Some(self.manifest.digest.clone()),
            last_verified_ms: Some(now_ms()),
        }
    }

    /// Converts the artifact into its lease.
    pub fn into_lease(self) -> Lease {
        self.lease
    }
}
