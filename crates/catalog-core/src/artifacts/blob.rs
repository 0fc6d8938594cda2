use std::cell::OnceCell;
use std::fs;
use std::io;
use std::time::SystemTime;

use super::fingerprint::now_at_most;
use super::manifest_file::ManifestFile;
use super::staging::Freshness;
use super::verify::VerifiedStaging;
use crate::digest::{Digest, DigestAlgorithm};
use crate::error::{CatalogError, Result};
use crate::root::{ArtifactFolder, FileStamp};

/// The state of the blob that has the same digest as a staged file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blob {
    /// The blob does not exist.
    Absent,
    /// The blob does not have the digest in its name. This is valid while the blob has this stamp.
    /// The staged file replaces the blob.
    Rotten(FileStamp),
    /// The blob was hashed just now and has the digest in its name. This is valid while the blob
    /// has this stamp.
    Good(FileStamp, Freshness),
    /// The blob is good, but belongs to another account, so the kernel refuses a link to it. The
    /// staged file is a clone of the blob. The first stamp is that of the blob, and the second that
    /// of the clone.
    Cloned(FileStamp, FileStamp, Freshness),
}

impl VerifiedStaging {
    /// Hashes the blobs that have the same digests as the staged files. Sharing a corrupt blob
    /// would undo the verification.
    pub(super) fn look_at_blobs(&self, staged: &ArtifactFolder) -> Result<Vec<Blob>> {
        let begin = OnceCell::new();
        let begin = || *begin.get_or_init(|| now_at_most(self.staging.store.layout()));
        let look = |(file, freshness): (&ManifestFile, &Freshness)| {
            let path = staged.files().join(&file.name);
            let metadata = fs::symlink_metadata(&path)
                .map_err(|error| CatalogError::io("look at", &path, error))?;
            self.look_at_blob(file, &FileStamp::of(&metadata), *freshness, &begin)
        };
        let files = self.manifest.files.iter();
        files.zip(&self.freshness).map(look).collect()
    }

    fn look_at_blob(
        &self,
        file: &ManifestFile,
        staged: &FileStamp,
        freshness: Freshness,
        begin: &dyn Fn() -> Option<SystemTime>,
    ) -> Result<Blob> {
        let path = self.staging.store.layout().blob(&file.digest.value);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Blob::Absent),
            Err(error) => return Err(CatalogError::io("look at", path, error)),
        };
        let stamp = FileStamp::of(&metadata);
        if !metadata.is_file() || metadata.len() != file.size {
            return Ok(Blob::Rotten(stamp));
        }
        // The blob is a link to the staged file, which was verified.
        if stamp.is_same_file(staged) {
            return Ok(Blob::Good(stamp, freshness));
        }
        let of_blob = Freshness::of(&stamp, begin());
        let limits = &self.staging.store.limits;
        let check = &mut |_| limits.check("hashing");
        match Digest::compute_or_stop(&path, DigestAlgorithm::Sha256, check) {
            Ok(digest) if digest == file.digest => Ok(Blob::Good(stamp, of_blob)),
            Ok(_) => {
                tracing::warn!(
                    blob = %path.display(),
                    "a blob does not have the digest in its name; replacing it"
                );
                Ok(Blob::Rotten(stamp))
            }
            // A collection removed the blob in the meantime.
            Err(CatalogError::ArtifactMissing { .. }) => Ok(Blob::Absent),
            Err(error) => Err(error),
        }
    }
}
