use std::fs;
use std::io;

use super::fingerprint::now_at_most;
use super::manifest_file::{ManifestFile, Sharing};
use super::staging::{Freshness, Staging};
use crate::digest::{Digest, DigestAlgorithm, FileContent};
use crate::error::{CatalogError, Result};
use crate::progress::Progress;
use crate::root::{FileStamp, is_sha256};

impl Staging {
    /// Adds the file with this SHA-256 from the store, if the store has it: as a link, or as a
    /// clone or a copy if the system refuses the link. Hashes the file first, because it may have
    /// become corrupt. Returns its size, or `None` if the store does not have the file.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NameRefused`] if the name leads out of the folder,
    /// [`CatalogError::NoSpace`] if the budget has no room for the bytes, and the error of
    /// `progress`, which stops the hash.
    pub fn reuse(
        &mut self,
        name: &str,
        digest: &Digest,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Option<u64>> {
        let Ok(digest) = digest.canonical() else {
            return Ok(None);
        };
        if digest.algorithm() != Ok(DigestAlgorithm::Sha256) || !is_sha256(&digest.value) {
            return Ok(None);
        }
        let path = self.store.layout().blob(&digest.value);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CatalogError::io("look at", path, error)),
        };
        let freshness = Freshness::of(&FileStamp::of(&metadata), now_at_most(self.store.layout()));
        let size = metadata.len();
        let limits = self.store.limits.clone();
        let mut done = 0;
        let mut check = |step: Progress| {
            limits.check("hashing")?;
            done = step.done;
            progress(step)
        };
        match Digest::compute_or_stop(&path, DigestAlgorithm::Sha256, &mut check) {
            Ok(found) if found == digest => {}
            // The source replaces a corrupt blob. A collection may have removed the blob.
            Ok(_) | Err(CatalogError::ArtifactMissing { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
        let mut sha256 = [0; 32];
        hex::decode_to_slice(&digest.value, &mut sha256).expect("it is a SHA-256");
        let content = FileContent {
            name: name.to_owned(),
            size,
            sha256,
        };
        self.reserve_shared(self.written.saturating_add(size))?;
        let file = ManifestFile::new(&content, Sharing::Nothing);
        match self.link(&path, &file, freshness) {
            Ok(()) => Ok(Some(size)),
            // A collection removed the blob meanwhile.
            Err(CatalogError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
