use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use catalog_core::{
    CatalogEntry, CatalogStore, Digest, Expected, LifecycleState, VerificationOutcome,
    VerificationOutcomeKind, verify_digest,
};

use super::acquire::Acquired;
use super::report::Satisfied;
use crate::error::{ProvisionError, Result};
use crate::observe::{Event, Observer};

/// How exact `last_verified_ms` is kept. A verification that finds everything as the catalog says
/// rewrites the index only once the time in it is older than this, as `relatime` does for files.
const LAST_VERIFIED_RESOLUTION_MS: u64 = 60 * 60 * 1000;

/// Bytes that are what was expected of them, or of which nothing was. Made by [`verify`] only, and
/// the only thing that [`register`] takes: nothing else gets into a catalog.
#[derive(Debug)]
pub(super) struct Verified {
    pub(super) path: PathBuf,
    pub(super) satisfied: Satisfied,
    pub(super) digest: Option<Digest>,
    pub(super) outcome: VerificationOutcome,
    at_ms: u64,
}

/// Compares the bytes with the expected digest, which names an algorithm that can be computed.
pub(super) fn verify(
    acquired: Acquired,
    id: &str,
    expected: Option<Digest>,
    observer: &dyn Observer,
) -> Result<Verified> {
    let Acquired { path, satisfied } = acquired;
    // The time before the first byte is read: what changes later was not seen.
    let at_ms = now_ms();
    let actual = match &expected {
        None => None,
        Some(expected) => {
            let algorithm = expected
                .algorithm()
                .map_err(|source| ProvisionError::InvalidExpectedDigest { source })?;
            let mut report = |progress| observer.on_event(&Event::Verifying { id, progress });
            Some(Digest::compute(&path, algorithm, &mut report)?)
        }
    };
    let outcome = verify_digest(actual.as_ref(), expected.as_ref());
    match (outcome.kind, expected, &actual) {
        (VerificationOutcomeKind::Fail, Some(expected), Some(actual)) => {
            return Err(ProvisionError::DigestMismatch {
                id: id.to_owned(),
                path,
                expected: Box::new(expected),
                actual: Box::new(actual.clone()),
            });
        }
        (VerificationOutcomeKind::Warn, ..) => tracing::warn!(
            id,
            path = %path.display(),
            "artifact is unverified: no digest was given for it, so its bytes are taken on trust"
        ),
        _ => {}
    }
    observer.on_event(&Event::Verified {
        id,
        path: &path,
        outcome: &outcome,
    });
    Ok(Verified {
        path,
        satisfied,
        digest: actual,
        outcome,
        at_ms,
    })
}

/// Makes the catalog say what was verified, starting from `known`, which the plan was made from.
/// Tells whether it had to be changed.
///
/// # Errors
///
/// [`CatalogError::Conflict`](catalog_core::CatalogError::Conflict) if the entry is not `known` any
/// more.
pub(super) fn register(
    catalog: &impl CatalogStore,
    id: &str,
    known: Option<&CatalogEntry>,
    verified: &Verified,
    observer: &dyn Observer,
) -> Result<bool> {
    let last_verified_ms = match verified.outcome.kind {
        VerificationOutcomeKind::Pass => Some(verified.at_ms),
        // Somebody else's word, as long as it is of the same bytes.
        _ => known
            .filter(|known| known.local_path == verified.path && known.digest.is_none())
            .and_then(|known| known.last_verified_ms),
    };
    let entry = CatalogEntry {
        id: id.to_owned(),
        local_path: verified.path.clone(),
        lifecycle: LifecycleState::Active,
        digest: verified.digest.clone(),
        last_verified_ms,
    };
    let expected = known.map_or(Expected::Absent, Expected::Exactly);
    if known.is_some_and(|known| says_the_same(known, &entry)) {
        // What was read before the bytes were may be long ago.
        expected.check(id, catalog.get(id)?.as_ref())?;
        return Ok(false);
    }
    catalog.put_if(&entry, expected)?;
    observer.on_event(&Event::Registered { id });
    Ok(true)
}

fn says_the_same(known: &CatalogEntry, entry: &CatalogEntry) -> bool {
    let is_recent = match (known.last_verified_ms, entry.last_verified_ms) {
        (Some(known), Some(now)) => known <= now && now - known < LAST_VERIFIED_RESOLUTION_MS,
        (known, now) => known == now,
    };
    let known_but_for_time = CatalogEntry {
        last_verified_ms: entry.last_verified_ms,
        ..known.clone()
    };
    is_recent && known_but_for_time == *entry
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}
