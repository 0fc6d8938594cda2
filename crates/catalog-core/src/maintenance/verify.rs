use crate::progress::Progress;
use std::path::{Path, PathBuf};

use super::proof::is_record_proved;
use super::quarantine::{quarantine, stop_serving};
use crate::artifacts::{Evidence, Fingerprint, LogLine, LoggedOutcome, Manifest, now_at_most};
use crate::digest::{
    Digest, DigestSubject, VerificationOutcome, VerificationOutcomeKind, hash_files, verify_digest,
};
use crate::error::{CatalogError, Result};
use crate::root::{FileStamp, FoundFile, Layout, Links, list_files, now_ms, sync_files};
use crate::state::{ModelRecord, RootState};

/// How exact `last_verified_ms` is kept, as `relatime` does for files: the log is exact.
const LAST_VERIFIED_RESOLUTION_MS: u64 = 60 * 60 * 1000;

/// How much a verification relies on the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// Hashes only if device, inode, size or times of any file differ from when it was hashed last,
    /// or were too fresh then to tell.
    #[default]
    Quick,
    /// Hashes everything.
    Full,
}

/// What a verification rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifiedBy {
    /// All bytes were hashed.
    Hash,
    /// They were hashed before, and nothing has changed since.
    Fingerprint,
    /// Nothing: there is no digest to compare with.
    Nothing,
}

/// What was found of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// The model.
    pub id: String,
    /// Pass, Fail, or Warn if nothing was expected of it.
    pub outcome: VerificationOutcome,
    /// What that rests on.
    pub by: VerifiedBy,
    /// What its bytes are, if they were compared as one.
    pub actual: Option<Digest>,
    /// How many bytes were hashed.
    pub hashed: u64,
    /// Files of a managed model that failed, and where they are kept now; its entry is Retired.
    pub quarantined: Vec<PathBuf>,
}

/// Compares the bytes of a model with its digest, and logs the outcome. A managed file that
/// fails is moved to quarantine, and every model that it was served for is Retired; a file
/// outside of the store is reported and never touched. `progress` may stop it by failing.
///
/// # Errors
///
/// [`CatalogError::NotFound`], [`CatalogError::ArtifactMissing`],
/// [`CatalogError::ArtifactChanged`]. A mismatch is no error but an outcome.
pub(crate) fn verify(
    state: &RootState,
    id: &str,
    how: Verify,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Verification> {
    let snapshot = state.models.snapshot()?;
    let Some(record) = snapshot.get(id) else {
        return Err(state.no_such_model(id));
    };
    if how == Verify::Quick && is_record_proved(state, id, record, None)? {
        return Ok(Verification {
            id: id.to_owned(),
            outcome: passed(),
            by: VerifiedBy::Fingerprint,
            actual: None,
            hashed: 0,
            quarantined: Vec::new(),
        });
    }
    hash_record(state, id, record, progress)
}

/// Hashes what a record names, and logs the outcome.
pub(super) fn hash_record(
    state: &RootState,
    id: &str,
    record: &ModelRecord,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Verification> {
    let path = state.root.absolute(Path::new(&record.local_path));
    let managed = managed(state, record, &path)?;
    let path = match &managed {
        Some((key, _)) => state.root.layout().artifact(key).files(),
        None => path,
    };
    let look = || match Fingerprint::of(&path) {
        // A managed model without its folder lacks all its files.
        Err(CatalogError::ArtifactMissing { .. }) if managed.is_some() => {
            Ok(Fingerprint::of_nothing())
        }
        found => found,
    };
    // What is still to be written through a mapping changes no time until it is.
    if path.exists() || managed.is_none() {
        sync_files(&path)?;
    }
    let before = look()?;
    let found = || match &managed {
        Some((key, manifest)) => files_of(state, key, manifest).map(|(files, _)| files),
        None => Ok(Vec::new()),
    };
    let files_before = found()?;
    let at_ms = now_ms();
    let is_settled = now_at_most(state.root.layout()).is_some_and(|now| before.is_settled_at(now));
    let mut bad = Vec::new();
    let (outcome, by, actual) = match &managed {
        Some((key, manifest)) => {
            let (outcome, actual) = hash_managed(state, key, manifest, record, progress, &mut bad)?;
            (outcome, VerifiedBy::Hash, actual)
        }
        None => hash_unmanaged(&path, record.digest.as_ref(), progress)?,
    };
    let after = look()?;
    // Other models of the same bytes come and go, which changes the links of a managed one.
    let is_same =
        after == before || (managed.is_some() && is_same_content(&files_before, &found()?));
    if !is_same {
        return Err(CatalogError::ArtifactChanged { path });
    }
    let logged = LogLine {
        id: id.to_owned(),
        path: record.local_path.clone(),
        digest: record.digest.clone(),
        outcome: match outcome.kind {
            VerificationOutcomeKind::Pass => LoggedOutcome::Pass,
            VerificationOutcomeKind::Warn => LoggedOutcome::Warn,
            VerificationOutcomeKind::Fail => LoggedOutcome::Fail,
        },
        at_ms,
        is_settled: is_settled && after == before,
        fingerprint: after,
    };
    let last_good_ms = state.log.latest(id)?.and_then(|last| last.last_pass_ms);
    match state.log.append(&logged) {
        // A store that can only be read still answers.
        Err(CatalogError::NotWritable { .. }) if bad.is_empty() => {}
        appended => appended?,
    }
    if outcome.kind == VerificationOutcomeKind::Pass {
        note_verified(state, id, record, at_ms)?;
    }
    let mut quarantined = Vec::new();
    for (found, evidence) in bad {
        let evidence = Evidence {
            last_good_ms,
            ..evidence
        };
        quarantined.extend(quarantine(state, &found, evidence)?);
    }
    if managed.is_some() && outcome.kind == VerificationOutcomeKind::Fail {
        stop_serving(state, id, record)?;
    }
    Ok(Verification {
        id: id.to_owned(),
        outcome,
        hashed: match by {
            VerifiedBy::Hash => logged.fingerprint.bytes,
            _ => 0,
        },
        by,
        actual,
        quarantined,
    })
}

/// The key and the manifest of what an entry hands out, if it is all of a managed artifact: one
/// may also name a file of an artifact by itself.
pub(super) fn managed(
    state: &RootState,
    record: &ModelRecord,
    path: &Path,
) -> Result<Option<(String, Manifest)>> {
    let Some(key) = Layout::key_of(Path::new(&record.local_path)) else {
        return Ok(None);
    };
    let manifest = state.artifacts.manifest(key)?;
    let is_all = state.artifacts.path_of(key, &manifest) == *path;
    Ok(is_all.then(|| (key.to_owned(), manifest)))
}

/// Hashes the files of a managed model and gathers those that are not what the manifest says.
/// Also gives the digest of what is there if it is whole, but not what its entry says.
fn hash_managed(
    state: &RootState,
    key: &str,
    manifest: &Manifest,
    record: &ModelRecord,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
    bad: &mut Vec<(FoundFile, Evidence)>,
) -> Result<(VerificationOutcome, Option<Digest>)> {
    let (files, missing) = files_of(state, key, manifest)?;
    let contents = hash_files(&files, progress)?;
    let mut problems: Vec<String> = missing
        .iter()
        .map(|name| format!("{name} is missing"))
        .collect();
    // The folder is handed out with whatever is in it.
    let folder = state.root.layout().artifact(key).files();
    let is_listed = |name: &str| manifest.files.iter().any(|file| file.name == name);
    let strangers = match folder.exists() {
        true => list_files(&folder, &[], Links::Follow)?,
        false => Vec::new(),
    };
    let strangers = strangers.iter().filter(|found| !is_listed(&found.name));
    problems.extend(strangers.map(|found| format!("{} is not part of it", found.name)));
    for (content, found) in contents.iter().zip(&files) {
        let file = manifest.files.iter().find(|file| file.name == content.name);
        let file = file.expect("only files of the manifest are hashed");
        let actual = content.digest();
        if actual == file.digest && content.size == file.size {
            continue;
        }
        problems.push(format!("{} has {actual}, not {}", file.name, file.digest));
        let evidence = Evidence::new(&manifest.id, file, actual, content.size);
        bad.push((found.clone(), evidence));
    }
    let mut other = None;
    if problems.is_empty()
        && let Some(expected) = &record.digest
    {
        let actual = digest_as(expected, manifest, &files)?;
        if actual != *expected {
            problems.push(format!("it was staged as {actual}, not {expected}"));
            other = Some(actual);
        }
    }
    if problems.is_empty() {
        return Ok((passed(), None));
    }
    let outcome = VerificationOutcome {
        kind: VerificationOutcomeKind::Fail,
        reason: Some(problems.join("; ")),
    };
    Ok((outcome, other))
}

/// The files of a managed model that are there, and the names of those that are not.
pub(super) fn files_of(
    state: &RootState,
    key: &str,
    manifest: &Manifest,
) -> Result<(Vec<FoundFile>, Vec<String>)> {
    let artifacts = &state.artifacts;
    let (mut files, mut missing) = (Vec::new(), Vec::new());
    for file in &manifest.files {
        let path = artifacts.file_of(key, file);
        match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() && artifacts.is_straight(&path)? => {
                files.push(FoundFile {
                    name: file.name.clone(),
                    stamp: FileStamp::of(&metadata),
                    path,
                })
            }
            Ok(_) => missing.push(file.name.clone()),
            Err(error) if crate::root::is_absence(&error) => missing.push(file.name.clone()),
            Err(error) => return Err(CatalogError::io("look at", path, error)),
        }
    }
    Ok((files, missing))
}

fn note_verified(state: &RootState, id: &str, record: &ModelRecord, at_ms: u64) -> Result<()> {
    let is_recent = record
        .last_verified_ms
        .is_some_and(|last| last <= at_ms && at_ms - last < LAST_VERIFIED_RESOLUTION_MS);
    if is_recent {
        return Ok(());
    }
    state.models.update(&state.limits, |edit| {
        // Unless somebody changed it meanwhile.
        if edit.get(id) == Some(record) {
            edit.insert(id, record.verified_at(at_ms));
        }
        Ok(())
    })
}

/// The digest of a managed model that is whole, by the algorithm of another digest if it has one.
fn digest_as(like: &Digest, manifest: &Manifest, files: &[FoundFile]) -> Result<Digest> {
    let algorithm = like.algorithm().map_err(CatalogError::InvalidDigest)?;
    match (algorithm.proves(), files) {
        (DigestSubject::Folder, _) => Ok(manifest.tree_digest()),
        (DigestSubject::File, [only]) if like.algo != manifest.digest.algo => {
            Digest::compute(&only.path, algorithm, &mut |_| {})
        }
        _ => Ok(manifest.digest.clone()),
    }
}

/// Whether the same files are there with the same content, as far as sizes and times of modification
/// tell.
fn is_same_content(before: &[FoundFile], after: &[FoundFile]) -> bool {
    let mut both = before.iter().zip(after);
    before.len() == after.len() && both.all(|(before, after)| before.is_same(after))
}

fn hash_unmanaged(
    path: &Path,
    expected: Option<&Digest>,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<(VerificationOutcome, VerifiedBy, Option<Digest>)> {
    let Some(expected) = expected else {
        return Ok((verify_digest(None, None), VerifiedBy::Nothing, None));
    };
    let algorithm = expected.algorithm().map_err(CatalogError::InvalidDigest)?;
    let actual = Digest::compute_or_stop(path, algorithm, progress)?;
    let outcome = verify_digest(Some(&actual), Some(expected));
    Ok((outcome, VerifiedBy::Hash, Some(actual)))
}

fn passed() -> VerificationOutcome {
    VerificationOutcome {
        kind: VerificationOutcomeKind::Pass,
        reason: None,
    }
}
