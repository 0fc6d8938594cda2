use crate::progress::{Limits, Progress};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::chosen_files::ChosenFiles;
use super::expectation::{EntryPoint, Expectation};
use super::fingerprint::now_at_most;
use super::formats::{Shard, check_content};
use super::manifest::Manifest;
use super::manifest_file::{ManifestFile, Sharing};
use super::staging::{Freshness, Staging};
use crate::digest::{Basis, Digest, DigestAlgorithm, DigestSubject, FileContent, hash_files};
use crate::error::{CatalogError, DigestError, Result};
use crate::reference::check_file_name;
use crate::root::{FoundFile, Links, list_files, now_ms, sync_each};

/// A staging area whose files were verified. Only such a staging area can be published.
#[derive(Debug)]
pub struct VerifiedStaging {
    pub(super) staging: Staging,
    pub(super) manifest: Manifest,
    pub(super) files: Vec<FoundFile>,
    /// The freshness of each file, in the order of `files`.
    pub(super) freshness: Vec<Freshness>,
}

impl VerifiedStaging {
    /// Returns the manifest that will be published.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the key under which [`publish`](Self::publish) publishes the artifact.
    pub fn key(&self) -> String {
        self.manifest.key()
    }

    /// Sets the revision in the manifest. The key depends on the revision.
    pub fn set_revision(&mut self, revision: String) {
        self.manifest.revision = Some(revision);
    }

    /// Sets the basis in the manifest: the source of the digests that the bytes were compared with.
    /// The default is [`Basis::Caller`] if a digest of the model was expected,
    /// [`Basis::SourceHash`] if digests of single files were expected, and otherwise
    /// [`Basis::OwnHash`].
    pub fn set_basis(&mut self, basis: Basis) {
        self.manifest.basis = basis;
    }
}

impl Staging {
    /// Verifies all files in the folder. Hashes the files that were not hashed during their
    /// creation, on all processors. Checks names, headers, completeness and digests. An error of
    /// `progress` stops it.
    ///
    /// First removes the files that are not part of a model
    /// ([`LocalModel::EXCLUDED_NAMES`](crate::LocalModel::EXCLUDED_NAMES)).
    ///
    /// # Errors
    ///
    /// [`CatalogError::NoSpace`] if the files take more space than the disk or the budget has,
    /// [`CatalogError::ArtifactUnusable`] if the folder has a link or a device or has no file of
    /// the model, [`CatalogError::NameRefused`] if a name leads out of the folder,
    /// [`CatalogError::FormatRefused`] if the content is refused,
    /// [`CatalogError::ArtifactIncomplete`] if a file is missing, [`CatalogError::DigestMismatch`]
    /// if a file or the model has another digest than expected, [`CatalogError::InvalidDigest`] if
    /// an expected digest is malformed or cannot prove the model.
    pub fn verify(
        mut self,
        expected: &Expectation,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<VerifiedStaging> {
        match self.verify_files(expected, progress) {
            Ok((manifest, files, freshness)) => Ok(VerifiedStaging {
                staging: self,
                manifest,
                files,
                freshness,
            }),
            Err(error) => {
                if !may_verify_later(&error) {
                    self.discard_partial_files();
                }
                Err(error)
            }
        }
    }

    fn verify_files(
        &self,
        expected: &Expectation,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<(Manifest, Vec<FoundFile>, Vec<Freshness>)> {
        let limits = self.store.limits.clone();
        let progress = &mut limits.watch("hashing", progress);
        self.reservation().check_at_end()?;
        let folder = self.folder();
        let chosen = ChosenFiles::of(&folder, expected, progress)?;
        chosen.remove_others(&folder)?;
        // Sync first: bytes of another program that are still in memory change the times of their
        // file only when they are written to the disk. This library writes without such delays.
        let listed = list_files(&folder, |name| chosen.has(name), Links::Refuse)?;
        let is_own = |file: &FoundFile| {
            let hashed = self.hashed.get(&file.name);
            hashed.is_some_and(|hashed| hashed.shares != Sharing::Inode)
        };
        let of_others = listed.into_iter().filter(|file| !is_own(file));
        let of_others: Vec<PathBuf> = of_others.map(|file| file.path).collect();
        sync_each(&of_others)?;
        let files = list_files(&folder, |name| chosen.has(name), Links::Refuse)?;
        check_names(&folder, &files)?;
        let begin = now_at_most(self.store.layout());
        let known = self.contents(&files, begin, progress)?;
        let names: BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
        let listed = known
            .iter()
            .map(|(content, shares, _)| ManifestFile::new(content, *shares));
        let freshness = known.iter().map(|(_, _, freshness)| *freshness).collect();
        let contents: Vec<&FileContent> = known.iter().map(|(content, ..)| content).collect();
        let companions = &self.provenance.companions;
        let of_the_model = names.iter().filter(|name| !companions.contains(**name));
        if of_the_model.clone().next().is_none() {
            return Err(CatalogError::ArtifactUnusable {
                path: folder,
                found: "a folder without any file of the model",
            });
        }
        let mut manifest = Manifest::new(
            &self.id,
            entry_file(&expected.entry_point, &of_the_model.copied().collect()),
            &self.provenance,
            listed.collect(),
            now_ms(),
        );
        let is_proven =
            |file: &FoundFile| is_proven_by(expected, &manifest, &folder, file, &limits);
        let check = || limits.check("reading");
        check_content(expected.content, &folder, &files, &is_proven, &check)?;
        let expected_names = expected.files.keys();
        let mut missing: Vec<String> = expected_names
            .filter(|name| !names.contains(name.as_str()))
            .cloned()
            .collect();
        if let EntryPoint::File(name) = &expected.entry_point
            && !names.contains(name.as_str())
        {
            missing.push(name.clone());
        }
        if !missing.is_empty() {
            missing.sort();
            return Err(CatalogError::ArtifactIncomplete {
                path: folder,
                missing,
            });
        }
        manifest.basis = match expected {
            Expectation {
                digest: Some(_), ..
            } => Basis::Caller,
            Expectation { files, .. } if !files.is_empty() => Basis::SourceHash,
            _ => Basis::OwnHash,
        };
        for (name, digest) in &expected.files {
            check_file(&folder.join(name), name, digest, &contents, &limits)?;
        }
        if let Some(digest) = &expected.digest {
            check_whole(&manifest, &folder, digest, &limits)?;
        }
        Ok((manifest, files, freshness))
    }

    /// Returns the content, the sharing and the freshness of each file.
    fn contents(
        &self,
        files: &[FoundFile],
        begin: Option<SystemTime>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Vec<(FileContent, Sharing, Freshness)>> {
        let known = |file: &FoundFile| {
            let hashed = self.hashed.get(&file.name);
            hashed.filter(|hashed| hashed.stamp == file.stamp)
        };
        let unknown: Vec<FoundFile> = files
            .iter()
            .filter(|file| known(file).is_none())
            .cloned()
            .collect();
        let mut hashed = hash_files(&unknown, progress)?.into_iter();
        let mut next = || {
            hashed
                .next()
                .expect("each file that is not known was hashed")
        };
        let each = files.iter().map(|file| match known(file) {
            Some(known) => (known.content.clone(), known.shares, known.freshness),
            // Another program wrote the file.
            None => {
                let freshness = Freshness::of(&file.stamp, begin);
                (next(), Sharing::Nothing, freshness)
            }
        });
        Ok(each.collect())
    }
}

/// Returns true if the files may be right, because something else failed.
fn may_verify_later(error: &CatalogError) -> bool {
    matches!(
        error,
        CatalogError::Cancelled
            | CatalogError::DeadlineExceeded { .. }
            | CatalogError::NoSpace { .. }
            | CatalogError::OutOfHandles { .. }
            | CatalogError::Io { .. }
    )
}

/// Refuses an empty folder, and names that lead out of the folder.
fn check_names(folder: &Path, files: &[FoundFile]) -> Result<()> {
    if files.is_empty() {
        return Err(CatalogError::ArtifactUnusable {
            path: folder.to_path_buf(),
            found: "a folder without any file",
        });
    }
    for file in files {
        check_file_name(&file.name).map_err(|problem| CatalogError::NameRefused {
            name: file.name.clone(),
            problem,
        })?;
    }
    Ok(())
}

/// Returns the name of the entry file, or `None` if the entry point is the folder.
fn entry_file(entry_point: &EntryPoint, names: &BTreeSet<&str>) -> Option<String> {
    match entry_point {
        EntryPoint::Folder => None,
        EntryPoint::File(name) => names.get(name.as_str()).map(|name| (*name).to_owned()),
        EntryPoint::Natural => {
            let first = names.first()?;
            if names.len() == 1 {
                return Some((*first).to_owned());
            }
            let shard = Shard::parse(first)?;
            let set: BTreeSet<String> = shard.set().collect();
            names
                .iter()
                .all(|name| set.contains(*name))
                .then(|| shard.first())
        }
    }
}

/// Returns true if the expected digest of the model proves the bytes of a file. The digest that the
/// source states for a file proves only that the source has these bytes, such as its login page.
fn is_proven_by(
    expected: &Expectation,
    manifest: &Manifest,
    folder: &Path,
    file: &FoundFile,
    limits: &Limits,
) -> bool {
    let mut of_the_model = manifest.model_files();
    let is_right = |digest| check_whole(manifest, folder, digest, limits).is_ok();
    of_the_model.any(|of_model| of_model.name == file.name)
        && expected.digest.as_ref().is_some_and(is_right)
}

/// Compares one file with its expected digest, which may have any algorithm for files.
fn check_file(
    path: &Path,
    name: &str,
    expected: &Digest,
    contents: &[&FileContent],
    limits: &Limits,
) -> Result<()> {
    let expected = expected.canonical().map_err(CatalogError::InvalidDigest)?;
    let known = contents.iter().find(|content| content.name == name);
    let actual = match (
        expected.algorithm().map_err(CatalogError::InvalidDigest)?,
        known,
    ) {
        (DigestAlgorithm::Sha256, Some(content)) => Digest::of_content(content),
        (algorithm, _) => {
            Digest::compute_or_stop(path, algorithm, &mut |_| limits.check("hashing"))?
        }
    };
    compare(path, &expected, &actual)
}

/// Compares the whole model with its expected digest.
fn check_whole(
    manifest: &Manifest,
    folder: &Path,
    expected: &Digest,
    limits: &Limits,
) -> Result<()> {
    let expected = expected.canonical().map_err(CatalogError::InvalidDigest)?;
    let algorithm = expected.algorithm().map_err(CatalogError::InvalidDigest)?;
    manifest.refuse_digest_of_one_shard(&expected, folder)?;
    let files: Vec<&ManifestFile> = manifest.model_files().collect();
    match (algorithm.proves(), &files[..]) {
        (DigestSubject::Folder, _) => compare(folder, &expected, &manifest.tree_digest()),
        (DigestSubject::File, [only]) => {
            let path = folder.join(&only.name);
            match algorithm {
                DigestAlgorithm::Sha256 => compare(&path, &expected, &only.digest),
                _ => {
                    let check = &mut |_| limits.check("hashing");
                    let actual = Digest::compute_or_stop(&path, algorithm, check)?;
                    compare(&path, &expected, &actual)
                }
            }
        }
        (DigestSubject::File, _) => Err(CatalogError::InvalidDigest(DigestError::WrongKind {
            algorithm: algorithm.name(),
            proves: DigestSubject::File.name(),
            found: DigestSubject::Folder.name(),
            path: fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf()),
        })),
    }
}

fn compare(path: &Path, expected: &Digest, actual: &Digest) -> Result<()> {
    if expected == actual {
        return Ok(());
    }
    Err(CatalogError::DigestMismatch {
        path: path.to_path_buf(),
        expected: expected.to_string(),
        actual: actual.to_string(),
    })
}
