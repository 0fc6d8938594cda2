use std::path::{Path, PathBuf};

use super::fingerprint::Fingerprint;
use super::lease::Lease;
use super::manifest::Manifest;
use crate::digest::Digest;
use crate::entry::{CatalogEntry, LifecycleState};
use crate::root::{ArtifactFolder, FileLock, now_ms};

/// A managed model in its place, which stays there as long as this is held.
#[derive(Debug)]
pub struct Artifact {
    path: PathBuf,
    manifest: Manifest,
    lease: Lease,
    published: Option<Published>,
}

/// The fingerprint of the files of an artifact when it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) fingerprint: Fingerprint,
    /// Whether an equal fingerprint later shows that nothing changed since.
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

    /// Returns the same artifact, with the fingerprint of its files when it was published.
    pub(super) fn with_published(self, published: Published) -> Self {
        Self {
            published: Some(published),
            ..self
        }
    }

    /// Returns the fingerprint of its files when it was published, unless it was opened later.
    pub(crate) fn published(&self) -> Option<&Published> {
        self.published.as_ref()
    }

    /// Returns the path for its users: the only file, the first shard, or the folder of files.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the digest that proves it.
    pub fn digest(&self) -> &Digest {
        &self.manifest.digest
    }

    /// Returns its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The entry that registers it as Active, verified now.
    pub fn entry(&self) -> CatalogEntry {
        CatalogEntry {
            id: self.manifest.id.clone(),
            local_path: self.path.clone(),
            lifecycle: LifecycleState::Active,
            digest: Some(self.manifest.digest.clone()),
            last_verified_ms: Some(now_ms()),
        }
    }

    /// Returns the lease and drops the rest.
    pub fn into_lease(self) -> Lease {
        self.lease
    }
}
