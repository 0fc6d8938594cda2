use std::path::Path;

use super::local::{LocalModel, LocalModelKind};
use crate::digest::{
    Digest, DigestAlgorithm, DigestSubject, FileContent, VerificationOutcome,
    VerificationOutcomeKind, hash_files, verify_digest,
};
use crate::error::{CatalogError, DigestError, Result};
use crate::progress::Progress;
use crate::root::FoundFile;

/// The result of comparing a model with its expected digest.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Comparison {
    /// The outcome of the comparison.
    pub outcome: VerificationOutcome,
    /// The actual digest of the bytes, in the algorithm of the expected digest.
    pub actual: Digest,
}

impl LocalModel {
    /// Computes a digest of the whole model. An error of `progress` stops it. The tree digest of a
    /// set is the digest of a folder with exactly the shards of the set.
    ///
    /// # Errors
    ///
    /// [`DigestError::WrongKind`] if the algorithm does not prove a model of this kind,
    /// [`CatalogError::ArtifactChanged`] if the model changes while it is read,
    /// [`CatalogError::Io`] if it cannot be read, and the error that `progress` returns.
    pub fn digest(
        &self,
        algorithm: DigestAlgorithm,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Digest> {
        match (self.kind(), algorithm.proves()) {
            (LocalModelKind::ShardSet, DigestSubject::Folder) => {
                Ok(Digest::of_contents(&self.hash_shards(progress)?))
            }
            (LocalModelKind::ShardSet, DigestSubject::File) => {
                Err(CatalogError::InvalidDigest(DigestError::WrongKind {
                    algorithm: algorithm.name(),
                    proves: algorithm.proves().name(),
                    found: "set of shards",
                    path: self.path().to_path_buf(),
                }))
            }
            _ => Digest::compute_or_stop(self.path(), algorithm, progress),
        }
    }

    /// Hashes the model and compares it with the expected digest.
    ///
    /// A file digest cannot prove a set of shards. If `pinned` equals such an `expected` digest,
    /// the digest is compared with the shard at [`path`](Self::path). If it is the digest of that
    /// shard, the outcome is Warn, with a reason that names the tree digest to pin. Otherwise the
    /// outcome is Fail.
    ///
    /// # Errors
    ///
    /// [`DigestError::OfOneShard`] for a file digest of a set that is not pinned, and the errors of
    /// [`digest`](Self::digest) and [`check_shards`](Self::check_shards).
    pub fn compare(
        &self,
        expected: &Digest,
        pinned: Option<&Digest>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Comparison> {
        let expected = expected.canonical().map_err(CatalogError::InvalidDigest)?;
        let algorithm = expected.algorithm().map_err(CatalogError::InvalidDigest)?;
        self.check_shards()?;
        if self.kind() != LocalModelKind::ShardSet || algorithm.proves() == DigestSubject::Folder {
            let mut actual = self.digest(algorithm, progress)?;
            // An earlier release may have pinned this folder by rules that counted more files.
            if actual != expected
                && self.kind() == LocalModelKind::Folder
                && expected.is_of_first_edition(self.path(), progress)?
            {
                actual = expected.clone();
            }
            let outcome = verify_digest(Some(&actual), Some(&expected));
            return Ok(Comparison { outcome, actual });
        }
        let contents = self.hash_shards(progress)?;
        let tree = Digest::of_contents(&contents);
        let pinned = pinned.and_then(|pinned| pinned.canonical().ok());
        if pinned.as_ref() != Some(&expected) {
            return Err(CatalogError::InvalidDigest(DigestError::OfOneShard {
                path: self.path().to_path_buf(),
                given: expected.to_string(),
                tree: tree.to_string(),
            }));
        }
        let total = self.size();
        let mut at_end = |_| progress(Progress::of(total, total));
        let actual = match algorithm {
            DigestAlgorithm::Sha256 => self.digest_of_named(&contents),
            _ => Digest::compute_or_stop(self.path(), algorithm, &mut at_end)?,
        };
        let outcome = verify_digest(Some(&actual), Some(&expected));
        if outcome.kind != VerificationOutcomeKind::Pass {
            return Ok(Comparison { outcome, actual });
        }
        let outcome = warn_of_one_shard(&expected, self.path(), contents.len(), &tree);
        Ok(Comparison { outcome, actual })
    }

    fn digest_of_named(&self, contents: &[FileContent]) -> Digest {
        let is_named = |file: &&FoundFile| file.path == self.path();
        let named = self.files().iter().find(is_named);
        let named = named.expect("the named shard is one of its set");
        let content = contents.iter().find(|content| content.name == named.name);
        Digest::of_content(content.expect("each shard was hashed"))
    }

    /// Hashes all shards, and checks afterwards that the set has not changed.
    fn hash_shards(
        &self,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Vec<FileContent>> {
        let contents = hash_files(self.files(), progress)?;
        let now = Self::resolve(self.path())?;
        let mut both = now.files().iter().zip(self.files());
        match now.files().len() == self.files().len() && both.all(|(now, then)| now.is_same(then)) {
            true => Ok(contents),
            false => Err(CatalogError::ArtifactChanged {
                path: self.path().to_path_buf(),
            }),
        }
    }
}

/// Creates the outcome for a pinned digest that is the digest of one shard.
pub(crate) fn warn_of_one_shard(
    digest: &Digest,
    shard: &Path,
    count: usize,
    tree: &Digest,
) -> VerificationOutcome {
    let shard = shard.display();
    VerificationOutcome {
        kind: VerificationOutcomeKind::Warn,
        reason: Some(format!(
            "{digest} is the digest of {shard}, which is only one of {count} shards; pin {tree}, \
             which proves all of them"
        )),
    }
}
