use crate::progress::{Limits, Progress};
use std::path::Path;

use super::managed::{files_of, managed};
use super::proof::valid_proof;
use super::quarantine::quarantine_all;
use super::recording::{Attempt, Attempts, Recordable, Service};
use super::verification::{Verification, Verify};
use crate::artifacts::{
    Comparison, Evidence, Fingerprint, LocalModel, Manifest, now_at_most, unexpected_files,
    warn_of_one_shard,
};
use crate::digest::{
    Assurance, Basis, Digest, DigestSubject, Method, VerificationOutcome, VerificationOutcomeKind,
    hash_files, verify_digest,
};
use crate::entry::CatalogEntry;
use crate::error::{CatalogError, Result};
use crate::root::{FoundFile, Layout, is_on_disk, now_ms, sync_file, sync_files};
use crate::state::{ModelRecord, Proof, RootState};

/// Compares the bytes of a model with its digest, and records the outcome. A corrupt file of the
/// store is moved to quarantine, and every model that uses the file is set to Retired. A corrupt
/// file outside the store is reported and never changed. If `progress` returns an error, the call
/// stops with that error.
///
/// # Errors
///
/// [`CatalogError::NotFound`] if there is no such entry, [`CatalogError::ArtifactMissing`] if
/// nothing is at its path, [`CatalogError::ArtifactChanged`] if the model changes during the call.
/// A mismatch is an outcome, not an error.
pub(crate) fn verify(
    state: &RootState,
    id: &str,
    how: Verify,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Verification> {
    // The record is cloned to release the snapshot: a writer would have to copy a snapshot that is
    // in use.
    let Some(record) = state.models.snapshot()?.get(id).cloned() else {
        return Err(state.no_such_model(id));
    };
    if how == Verify::Quick
        && let Some(proof) = valid_proof(state, &record, None)?
    {
        let verification = Verification {
            id: id.to_owned(),
            outcome: VerificationOutcome::passed(),
            assurance: Assurance {
                method: Some(Method::Fingerprint),
                ..proof.verification(record.digest.as_ref()).assurance
            },
            actual: None,
            hashed: 0,
            quarantined: Vec::new(),
            recordable: None,
        };
        verification.trace();
        return Ok(verification);
    }
    hash_record(state, id, &record, record.digest.as_ref(), progress)
}

/// Hashes the model of `entry` and compares it with the digest of `entry`. The entry need not be
/// registered. If an entry with the same id, path and digest is registered, the outcome is recorded
/// in that entry. Otherwise the caller passes the outcome to [`put_verified`](super::put_verified).
/// In all other respects the call behaves as [`verify`].
///
/// # Errors
///
/// The errors of [`verify`]. [`PathRefused`](crate::CatalogError::PathRefused) if the path breaks
/// the rules of this catalog.
pub(crate) fn verify_candidate(
    state: &RootState,
    entry: &CatalogEntry,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Verification> {
    let known = state.models.snapshot()?.get(&entry.id).cloned();
    let pinned = known.as_ref().and_then(|known| known.digest.clone());
    let is_registered_in_store = known.as_ref().is_some_and(|known| {
        Layout::key_of(Path::new(&known.local_path)).is_some()
            && state.root.absolute(Path::new(&known.local_path)) == entry.local_path
            && known.digest == entry.digest
    });
    let record = match known {
        // The path was checked when it was registered. It may have been damaged since.
        Some(known) if is_registered_in_store => known,
        known => {
            let record = state.record_of(entry)?;
            // The registered record also holds other facts, such as the time when the model was
            // last intact.
            let about =
                |known: &ModelRecord| known.is_about(&record.local_path, record.digest.as_ref());
            known.filter(about).unwrap_or(record)
        }
    };
    hash_record(state, &entry.id, &record, pinned.as_ref(), progress)
}

/// Hashes the model of a record, and records the outcome. `pinned` is the digest that is registered
/// under this id.
fn hash_record(
    state: &RootState,
    id: &str,
    record: &ModelRecord,
    pinned: Option<&Digest>,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Verification> {
    let mut attempts = Attempts::new(1);
    let verification = examine(state, id, record, pinned, &mut attempts, progress)?;
    attempts.record(state)?;
    Ok(verification)
}

/// Hashes the model of a record, and adds the outcome to `attempts`. A failure is recorded at once,
/// before the corrupt files are moved to quarantine.
pub(super) fn examine(
    state: &RootState,
    id: &str,
    record: &ModelRecord,
    pinned: Option<&Digest>,
    attempts: &mut Attempts,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Verification> {
    let path = state.root.absolute(Path::new(&record.local_path));
    let managed = managed(state, record, &path)?;
    let path = match &managed {
        Some((key, _)) => state.root.layout().artifact(key).files(),
        None => path,
    };
    let look = || match Fingerprint::of(&path) {
        // If the folder of a managed model is missing or unusable, the verification fails below.
        Err(error) if managed.is_some() && error.is_absence() => Ok(Fingerprint::of_nothing()),
        found => found,
    };
    let is_compared = managed.is_some() || record.digest.is_some();
    let found = || match &managed {
        Some((key, manifest)) => files_of(state, key, manifest).map(|(files, _)| files),
        None => Ok(Vec::new()),
    };
    let files_before = found()?;
    // A change through a memory mapping changes the times of a file only when it is written to the
    // disk, so the files are synced first. Files outside the root are not synced: they do not
    // belong to the store, and their file system may not support a sync.
    if managed.is_some() {
        let files = files_before.iter();
        files
            .map(|file| &file.path)
            .try_for_each(|path| sync_file(path))?;
    } else if is_compared && Path::new(&record.local_path).is_relative() && is_on_disk(&path)? {
        sync_files(&path)?;
    }
    let before = look()?;
    let at_ms = now_ms();
    let is_settled = is_compared
        && now_at_most(state.root.layout()).is_some_and(|now| before.is_settled_at(now));
    let mut bad = Vec::new();
    let (outcome, actual) = match &managed {
        Some((key, manifest)) => {
            hash_managed(state, key, manifest, record, pinned, progress, &mut bad)?
        }
        None => hash_unmanaged(&path, record.digest.as_ref(), pinned, progress)?,
    };
    let after = look()?;
    // Other models with the same bytes may be added or removed, which changes the number of links
    // of a managed file.
    let is_same =
        after == before || (managed.is_some() && is_same_content(&files_before, &found()?));
    if !is_same {
        return Err(CatalogError::ArtifactChanged { path });
    }
    let basis = basis_of(record, managed.as_ref().map(|(_, manifest)| manifest));
    let hashed = if is_compared { after.bytes } else { 0 };
    let proof = Proof {
        outcome: outcome.kind,
        reason: outcome.reason.clone(),
        at_ms,
        basis,
        is_settled: is_settled && after == before,
        fingerprint: (after.files > 0).then_some(after),
    };
    let recordable = is_compared.then(|| Recordable::new(record, proof));
    let mut verification = Verification {
        id: id.to_owned(),
        assurance: match &recordable {
            Some(found) => found.proof.verification(record.digest.as_ref()).assurance,
            None => Assurance::default(),
        },
        outcome,
        actual,
        hashed,
        quarantined: Vec::new(),
        recordable,
    };
    verification.trace();
    let is_failure = verification.outcome.kind == VerificationOutcomeKind::Fail;
    let service = match managed.is_some() && is_failure {
        true => Service::Ended,
        false => Service::Kept,
    };
    if verification.recordable.is_some() {
        let attempt = Attempt {
            id: id.to_owned(),
            found: verification.recordable.clone(),
            service,
        };
        attempts.add(state, attempt)?;
    }
    verification.quarantined = quarantine_all(state, bad, last_good_ms(record))?;
    Ok(verification)
}

/// Returns the time when a model last had the digest of its entry, if that is recorded.
fn last_good_ms(record: &ModelRecord) -> Option<u64> {
    let proof = record.proof.as_ref().filter(|proof| proof.is_pass());
    proof.map(|proof| proof.at_ms).max(record.last_verified_ms)
}

/// Returns the source of the digest that a record is compared with.
fn basis_of(record: &ModelRecord, manifest: Option<&Manifest>) -> Basis {
    match (manifest, &record.digest) {
        (Some(manifest), None) => manifest.basis.max(Basis::OwnHash),
        (Some(manifest), Some(digest))
            if [&manifest.digest, &manifest.tree_digest()].contains(&digest) =>
        {
            manifest.basis.max(Basis::OwnHash)
        }
        (_, Some(_)) => Basis::Pin,
        (None, None) => Basis::Nothing,
    }
}

/// Hashes the files of a managed model, and adds the files that contradict the manifest to `bad`.
/// Returns the outcome. If all files agree with the manifest but do not have the digest of the
/// entry, also returns their digest.
fn hash_managed(
    state: &RootState,
    key: &str,
    manifest: &Manifest,
    record: &ModelRecord,
    pinned: Option<&Digest>,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
    bad: &mut Vec<(FoundFile, Evidence)>,
) -> Result<(VerificationOutcome, Option<Digest>)> {
    let (files, missing) = files_of(state, key, manifest)?;
    let contents = hash_files(&files, progress)?;
    let mut problems: Vec<String> = missing
        .iter()
        .map(|name| format!("{name} is missing"))
        .collect();
    // Users get the whole folder, so an unexpected file in it is a failure.
    let folder = state.root.layout().artifact(key).files();
    let unexpected_files = unexpected_files(&folder, manifest)?;
    let unexpected_files = unexpected_files.iter();
    problems
        .extend(unexpected_files.map(|found| format!("{} is not a file of the model", found.name)));
    for (content, found) in contents.iter().zip(&files) {
        let file = manifest.files.iter().find(|file| file.name == content.name);
        let file = file.expect("only files of the manifest are hashed");
        let actual = Digest::of_content(content);
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
        if pinned != Some(expected) {
            manifest.refuse_digest_of_one_shard(expected, &folder)?;
        }
        let shard = manifest.shard_that_would_prove(expected)?;
        let shard = shard.and_then(|name| files.iter().find(|file| file.name == name));
        let actual = digest_as(expected, manifest, shard, &files, &state.limits)?;
        if let Some(shard) = shard.filter(|_| actual == *expected) {
            let (count, tree) = (manifest.model_files().count(), manifest.tree_digest());
            let outcome = warn_of_one_shard(expected, &shard.path, count, &tree);
            return Ok((outcome, Some(actual)));
        }
        if actual != *expected {
            problems.push(format!("the model has {actual}, not {expected}"));
            other = Some(actual);
        }
    }
    if problems.is_empty() {
        return Ok((VerificationOutcome::passed(), None));
    }
    let outcome = VerificationOutcome {
        kind: VerificationOutcomeKind::Fail,
        reason: Some(problems.join("; ")),
    };
    Ok((outcome, other))
}

/// Returns the digest of an intact managed model, or of one of its shards if `shard` names one. The
/// digest has the algorithm of `like` if that algorithm can prove the model.
fn digest_as(
    like: &Digest,
    manifest: &Manifest,
    shard: Option<&FoundFile>,
    files: &[FoundFile],
    limits: &Limits,
) -> Result<Digest> {
    let algorithm = like.algorithm().map_err(CatalogError::InvalidDigest)?;
    let of_file = |file: &FoundFile| {
        Digest::compute_or_stop(&file.path, algorithm, &mut |_| limits.check("hashing"))
    };
    let is_of_model =
        |found: &&FoundFile| manifest.model_files().any(|file| file.name == found.name);
    let files: Vec<&FoundFile> = files.iter().filter(is_of_model).collect();
    match (algorithm.proves(), shard, &files[..]) {
        (DigestSubject::Folder, ..) => Ok(manifest.tree_digest()),
        (DigestSubject::File, Some(shard), _) => of_file(shard),
        (DigestSubject::File, None, [only]) if like.algo != manifest.digest.algo => of_file(only),
        _ => Ok(manifest.digest.clone()),
    }
}

/// Returns true if both lists have the same files, with the same sizes and times of modification.
pub(super) fn is_same_content(before: &[FoundFile], after: &[FoundFile]) -> bool {
    let mut both = before.iter().zip(after);
    before.len() == after.len() && both.all(|(before, after)| before.is_same(after))
}

fn hash_unmanaged(
    path: &Path,
    expected: Option<&Digest>,
    pinned: Option<&Digest>,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<(VerificationOutcome, Option<Digest>)> {
    let model = LocalModel::resolve(path)?;
    let Some(expected) = expected else {
        model.check_shards()?;
        return Ok((verify_digest(None, None), None));
    };
    let Comparison { outcome, actual } = model.compare(expected, pinned, progress)?;
    Ok((outcome, Some(actual)))
}
