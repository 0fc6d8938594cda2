use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use catalog_core::{
    Artifact, CatalogEntry, CatalogError, CatalogStore, Digest, Expected, LifecycleState,
    LocalModel, ManagedCatalog, Method, ModelFetcher, Progress, Verification, VerificationOutcome,
    VerificationOutcomeKind, verify_digest,
};

use super::admissible::{Admissible, Place};
use super::call::Call;
use super::watch::Part;
use crate::error::{ProvisionError, Result};
use crate::means::{Proof, Satisfied};
use crate::observe::EventKind;
use crate::policy::OnMismatch;

impl<C: CatalogStore, F: ModelFetcher> Call<'_, C, F> {
    /// Hashes what is at a path and compares it with the expected digest.
    pub(super) fn verify(
        &self,
        path: PathBuf,
        expected: Option<Digest>,
        known: Option<&CatalogEntry>,
        satisfied: Satisfied,
    ) -> Result<Admissible> {
        // The time before the first byte is read: what changes later was not seen.
        let at_ms = now_ms();
        let found = self.watch.during(Part::Verifying, || {
            self.compare(&path, expected.clone(), known)
        })?;
        let proof = match (found.outcome.kind, self.is_digest_given) {
            (VerificationOutcomeKind::Pass, true) => Proof::CallersDigest,
            (VerificationOutcomeKind::Pass, false) => Proof::PinnedDigest,
            _ => Proof::Nothing,
        };
        let (digest, pinned, outcome) = match (found.outcome.kind, &expected) {
            (VerificationOutcomeKind::Pass, _) => (expected.clone(), expected, found.outcome),
            // A pinned digest of one shard does not prove its set, but stays the expectation.
            (VerificationOutcomeKind::Warn, Some(_)) => {
                if let Some(refusal) = self.policy.unverified_refusal() {
                    return Err(ProvisionError::refused(self.id(), refusal));
                }
                (None, expected, self.warn_of(found.outcome.reason))
            }
            (VerificationOutcomeKind::Warn, None) => (None, None, self.unverified()?),
            // Only of bytes that are all there, and are something: damage is no other model.
            (VerificationOutcomeKind::Fail, _)
                if self.policy.on_mismatch == OnMismatch::Warn && found.actual.is_some() =>
            {
                // A pinned digest stays the expectation.
                let pinned = known.and_then(|known| known.digest.clone());
                (None, pinned, self.warn_of(found.outcome.reason))
            }
            (VerificationOutcomeKind::Fail, expected) => {
                return Err(self.mismatch(path, expected.clone(), found));
            }
        };
        Ok(Admissible {
            place: Place::Path(path, at_ms),
            satisfied,
            digest,
            pinned,
            outcome,
            proof,
            verified_by: found.by,
            verification: found.verification,
            bytes_staged: 0,
            bytes_reused: found.hashed,
            revision: None,
        })
    }

    fn mismatch(&self, path: PathBuf, expected: Option<Digest>, found: Found) -> ProvisionError {
        match (expected, found.actual) {
            (Some(expected), Some(actual)) => ProvisionError::DigestMismatch {
                id: self.id().to_string(),
                path,
                expected: Box::new(expected),
                actual: Box::new(actual),
            },
            _ => ProvisionError::Unsound {
                id: self.id().to_string(),
                path,
                reason: found.outcome.reason.unwrap_or_default(),
            },
        }
    }

    fn compare(
        &self,
        path: &Path,
        expected: Option<Digest>,
        known: Option<&CatalogEntry>,
    ) -> Result<Found> {
        let mut progress = |now| self.watch.verifying(now);
        self.watch.check()?;
        if let Some(host) = self.catalog.managed() {
            let candidate = CatalogEntry {
                id: self.id().to_string(),
                local_path: path.to_path_buf(),
                lifecycle: LifecycleState::Active,
                digest: expected,
                last_verified_ms: None,
            };
            let found = host.verify_candidate(&candidate, &mut progress)?;
            return Ok(Found {
                outcome: found.outcome.clone(),
                by: found.assurance.method,
                actual: found.actual.clone(),
                hashed: found.hashed,
                verification: Some(Box::new(found)),
            });
        }
        let Some(expected) = expected else {
            return Ok(Found {
                outcome: verify_digest(None, None),
                by: None,
                actual: None,
                hashed: 0,
                verification: None,
            });
        };
        if let Err(source) = expected.algorithm() {
            return Err(ProvisionError::InvalidExpectedDigest { source });
        }
        let model = LocalModel::resolve(path)?;
        let mut hashed = 0;
        let mut progress = |now: Progress| {
            hashed = now.done;
            progress(now)
        };
        let pinned = known.and_then(|known| known.digest.as_ref());
        let (outcome, actual) = model.compare(&expected, pinned, &mut progress)?;
        Ok(Found {
            outcome,
            by: Some(Method::Hashed),
            actual: Some(actual),
            hashed,
            verification: None,
        })
    }

    /// Makes the catalog say what was verified, starting from `known`, which the plan was made
    /// from. Tells whether it had to be changed.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Conflict`](catalog_core::CatalogError::Conflict) if the entry is not `known`
    /// any more.
    pub(super) fn register(
        &self,
        known: Option<&CatalogEntry>,
        admissible: &Admissible,
    ) -> Result<bool> {
        self.watch
            .during(Part::Registering, || self.put(known, admissible))
    }

    fn put(&self, known: Option<&CatalogEntry>, admissible: &Admissible) -> Result<bool> {
        // The verification may have noted its time in the entry already.
        let now = self.catalog.get(self.id())?;
        let is_noted = match (known, &now) {
            (Some(known), Some(now)) => is_same_but_for_time(known, now),
            _ => false,
        };
        let known = if is_noted { now.as_ref() } else { known };
        let expected = known.map_or(Expected::Absent, Expected::Exactly);
        if let (Place::Store(artifact), Some(host)) = (&admissible.place, self.catalog.managed()) {
            self.watch.tell(EventKind::Published {
                path: artifact.path().to_path_buf(),
            });
            if admissible.pinned.is_some() {
                self.register_artifact(host, artifact, known, expected)?;
                self.watch.tell(EventKind::Registered);
                return Ok(true);
            }
        }
        let entry = self.entry_of(known, admissible);
        let verification = self.catalog.managed().zip(admissible.verification.as_ref());
        let says_the_same = |known: &CatalogEntry| match verification {
            // That has recorded its time.
            Some(_) => is_same_but_for_time(known, &entry),
            None => *known == entry,
        };
        if known.is_some_and(says_the_same) {
            // What was read before the bytes were may be long ago.
            expected.check(self.id(), now.as_ref())?;
            return Ok(false);
        }
        match verification {
            Some((host, verification)) => host.put_verified(&entry, verification, expected)?,
            None => self.catalog.put_if(&entry, expected)?,
        }
        self.watch.tell(EventKind::Registered);
        Ok(true)
    }

    /// Registers what was published. An entry that somebody changed meanwhile is replaced all the
    /// same, unless they pinned another digest: bringing the bytes again would change nothing.
    fn register_artifact(
        &self,
        host: &dyn ManagedCatalog,
        artifact: &Artifact,
        known: Option<&CatalogEntry>,
        expected: Expected<'_, CatalogEntry>,
    ) -> Result<()> {
        let digest_before = known.and_then(|known| known.digest.as_ref());
        match host.register(artifact, expected) {
            Err(error @ CatalogError::Conflict { .. }) => {
                let now = self.catalog.get(self.id())?;
                let digest_now = now.as_ref().and_then(|now| now.digest.as_ref());
                if digest_now.is_some()
                    && digest_now != digest_before
                    && digest_now != Some(artifact.digest())
                {
                    return Err(error.into());
                }
                host.register(
                    artifact,
                    now.as_ref().map_or(Expected::Absent, Expected::Exactly),
                )?;
                Ok(())
            }
            registered => Ok(registered.map(drop)?),
        }
    }

    fn entry_of(&self, known: Option<&CatalogEntry>, admissible: &Admissible) -> CatalogEntry {
        let local_path = admissible.place.path().to_path_buf();
        let last_verified_ms = match (&admissible.place, admissible.outcome.kind) {
            (Place::Path(_, at_ms), VerificationOutcomeKind::Pass) => Some(*at_ms),
            // Somebody else's word, as long as it is of the same bytes.
            _ => known
                .filter(|known| known.local_path == local_path && known.digest == admissible.pinned)
                .and_then(|known| known.last_verified_ms),
        };
        CatalogEntry {
            id: self.id().to_string(),
            local_path,
            lifecycle: LifecycleState::Active,
            digest: admissible.pinned.clone(),
            last_verified_ms,
        }
    }
}

/// What a comparison found.
struct Found {
    outcome: VerificationOutcome,
    by: Option<Method>,
    actual: Option<Digest>,
    /// How many bytes were hashed.
    hashed: u64,
    verification: Option<Box<Verification>>,
}

fn is_same_but_for_time(known: &CatalogEntry, now: &CatalogEntry) -> bool {
    let known_but_for_time = CatalogEntry {
        last_verified_ms: now.last_verified_ms,
        ..known.clone()
    };
    known_but_for_time == *now
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}
