use std::path::PathBuf;

use super::recording::tolerate_refused_write;
use super::verification::{Verification, Verify};
use crate::artifacts::{Fingerprint, now_at_most};
use crate::digest::{
    Assurance, Basis, Digest, Method, VerificationOutcome, VerificationOutcomeKind, verify_digest,
};
use crate::error::{CatalogError, Result};
use crate::progress::Progress;
use crate::reference::shown_id;
use crate::root::{is_on_disk, now_ms, sync_files};
use crate::state::{EngineRecord, Proof, Refers, RootState};

/// Hashes an engine that has exactly one local artifact, compares it with its digest, and records
/// the outcome. For an engine with another number of local artifacts, or without a digest, the
/// outcome is Warn. The call never changes an artifact.
///
/// # Errors
///
/// [`CatalogError::NotFound`] if there is no such entry, [`CatalogError::InvalidDigest`] if this
/// release cannot compute its digest, [`CatalogError::ArtifactMissing`] if the artifact does not
/// exist, [`CatalogError::ArtifactChanged`] if the artifact changes during the call.
pub(crate) fn verify_engine(
    state: &RootState,
    id: &str,
    how: Verify,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Verification> {
    let Some(record) = state.engines.snapshot()?.get(id).cloned() else {
        return Err(CatalogError::NotFound {
            id: shown_id(id),
            catalog: state.engines.path().to_path_buf(),
        });
    };
    let mut verification = Verification {
        id: id.to_owned(),
        outcome: verify_digest(None, None),
        assurance: Assurance::default(),
        actual: None,
        hashed: 0,
        quarantined: Vec::new(),
        recordable: None,
    };
    let locals: Vec<PathBuf> = record
        .references()
        .map(|local| PathBuf::from(local.stored))
        .collect();
    match (&record.digest, &locals[..]) {
        (None, _) => {}
        (Some(digest), [only]) => {
            let digest: Digest = digest.parse().map_err(CatalogError::InvalidDigest)?;
            let is_ours = only.is_relative();
            let path = state.root.absolute(only);
            compare(
                state,
                &record,
                how,
                (path, is_ours),
                &digest,
                &mut verification,
                progress,
            )?;
        }
        (Some(_), _) => {
            verification.outcome = VerificationOutcome {
                kind: VerificationOutcomeKind::Warn,
                reason: Some(format!(
                    "it has {} local artifacts, and its digest proves exactly one",
                    locals.len()
                )),
            };
        }
    }
    verification.trace();
    Ok(verification)
}

/// Compares the only local artifact of an engine with its digest, and records the outcome.
fn compare(
    state: &RootState,
    record: &EngineRecord,
    how: Verify,
    (path, is_ours): (PathBuf, bool),
    digest: &Digest,
    verification: &mut Verification,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<()> {
    let proof = record.proof.as_ref().filter(|proof| proof.is_pass());
    if how == Verify::Quick
        && let Some(proof) = proof
        && proof.is_settled
        && proof.fingerprint == Some(Fingerprint::of(&path)?)
    {
        verification.outcome = VerificationOutcome::passed();
        verification.assurance = Assurance {
            method: Some(Method::Fingerprint),
            ..proof.verification(Some(digest)).assurance
        };
        return Ok(());
    }
    let algorithm = digest.algorithm().map_err(CatalogError::InvalidDigest)?;
    if is_ours && is_on_disk(&path)? {
        sync_files(&path)?;
    }
    let before = Fingerprint::of(&path)?;
    let at_ms = now_ms();
    let now = now_at_most(state.root.layout());
    let actual = Digest::compute_or_stop(&path, algorithm, progress)?;
    if Fingerprint::of(&path)? != before {
        return Err(CatalogError::ArtifactChanged { path });
    }
    verification.outcome = verify_digest(Some(&actual), Some(digest));
    verification.actual = Some(actual);
    verification.hashed = before.bytes;
    let proof = Proof {
        outcome: verification.outcome.kind,
        reason: verification.outcome.reason.clone(),
        at_ms,
        basis: Basis::Pin,
        is_settled: now.is_some_and(|now| before.is_settled_at(now)),
        fingerprint: Some(before),
    };
    verification.assurance = proof.verification(Some(digest)).assurance;
    let id = verification.id.as_str();
    tolerate_refused_write(state.engines.update(&state.limits, |edit| {
        // The proof is dropped if another caller changed the entry during the call.
        let now = edit.get(id).filter(|now| now.is_about_the_same(record));
        if let Some(proved) = now.map(|now| now.with_proof(&proof)) {
            edit.insert(id, proved);
        }
        Ok(())
    }))
}
