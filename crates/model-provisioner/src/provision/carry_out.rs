use catalog_core::{
    Basis, CatalogEntry, CatalogError, CatalogStore, Digest, Expected, LifecycleState,
    ManagedCatalog, Manifest, Method, ModelFetcher, ResolvedModel, VerificationOutcome,
    VerificationOutcomeKind,
};

use super::admissible::{Admissible, Place};
use super::call::Call;
use super::report::ProvisionReport;
use super::turn::Look;
use super::verdict::is_of_the_bytes;
use super::watch::Part;
use crate::error::{ProvisionError, Result};
use crate::means::{Proof, Satisfied, Step};
use crate::observe::EventKind;

impl<C: CatalogStore, F: ModelFetcher> Call<'_, C, F> {
    /// Does one step of a plan.
    pub(super) fn carry_out(
        &self,
        step: Step,
        look: &Look,
        given: Option<&Digest>,
    ) -> Result<ProvisionReport> {
        let known = look.known.as_ref();
        let expected = look.plan.expected.clone();
        let admissible = match (step, known, self.catalog.managed()) {
            (Step::Nothing, Some(known), _) => return self.as_it_is(known, expected),
            (Step::Activate, Some(known), _) => {
                let mut report = self.as_it_is(known, expected)?;
                self.watch.during(Part::Registering, || {
                    let active = CatalogEntry {
                        lifecycle: LifecycleState::Active,
                        ..known.clone()
                    };
                    let as_known = Expected::Exactly(known);
                    self.catalog.put_if(&active, as_known)
                })?;
                self.watch.tell(EventKind::Registered);
                report.is_catalog_changed = true;
                return Ok(report);
            }
            (Step::Check, Some(entry), _) => {
                self.check_vouched(entry, &expected)?;
                let path = entry.local_path.clone();
                self.verify(path, expected, known, Satisfied::AlreadyPresent)?
            }
            (Step::LookAgain, Some(entry), Some(host)) => {
                let manifest = manifest_of(host, entry)?;
                if !self.has_moved(manifest.as_ref())? {
                    let checked = match look.is_here {
                        true => self.carry_out(Step::Check, look, given),
                        false => Err(CatalogError::ArtifactMissing {
                            path: entry.local_path.clone(),
                        }
                        .into()),
                    };
                    return match (checked, look.plan.or_else) {
                        (Err(error), Some(repair)) if is_of_the_bytes(&error, Step::Check) => {
                            self.watch.tell(EventKind::Planned { step: repair });
                            self.carry_out(repair, look, given)
                        }
                        // Of no managed model, and gone.
                        (Err(_), None) if !look.is_here => {
                            self.carry_out(look.plan.acquire, look, given)
                        }
                        (checked, _) => checked,
                    };
                }
                let pinned = entry.digest.as_ref().filter(|_| given.is_none());
                self.fetch(host, given.cloned(), pinned)?
            }
            (Step::Import, _, Some(host)) => self.import(host, expected)?,
            (Step::Fetch, _, Some(host)) => self.fetch(host, expected, None)?,
            (Step::Repair, Some(entry), Some(host)) => return self.mend(host, entry, look, given),
            _ => {
                let path = self.where_it_lies()?;
                self.verify(path, expected, known, Satisfied::InPlace)?
            }
        };
        let is_catalog_changed = self.register(known, &admissible)?;
        Ok(self.report(admissible, is_catalog_changed))
    }

    /// The report of a model for which nothing is to be done.
    pub(super) fn as_it_is(
        &self,
        known: &CatalogEntry,
        expected: Option<Digest>,
    ) -> Result<ProvisionReport> {
        self.check_vouched(known, &expected)?;
        let (outcome, proof, verified_by) = match &expected {
            Some(_) if self.is_digest_given => {
                (passed(), Proof::CallersDigest, Some(Method::Fingerprint))
            }
            Some(_) => (passed(), Proof::PinnedDigest, Some(Method::Fingerprint)),
            None => (self.unverified()?, Proof::Nothing, None),
        };
        let place = Place::Path(known.local_path.clone(), 0);
        let admissible = Admissible {
            place,
            satisfied: Satisfied::AlreadyPresent,
            pinned: expected.clone(),
            digest: expected,
            outcome,
            proof,
            verified_by,
            verification: None,
            bytes_staged: 0,
            bytes_reused: 0,
            revision: None,
        };
        Ok(self.report(admissible, false))
    }

    /// Fails if the policy wants proof, and the only digest of a managed model is the one that was
    /// computed when it was staged.
    fn check_vouched(&self, known: &CatalogEntry, expected: &Option<Digest>) -> Result<()> {
        let Some(refusal) = self.policy.unverified_refusal() else {
            return Ok(());
        };
        if self.is_digest_given || expected.is_none() {
            return Ok(());
        }
        let manifest = match self.catalog.managed() {
            Some(host) => manifest_of(host, known)?,
            None => None,
        };
        match manifest {
            Some(manifest) if manifest.basis <= Basis::OwnHash => {
                Err(ProvisionError::refused(self.id(), refusal))
            }
            _ => Ok(()),
        }
    }

    /// Repairs a managed model; one whose manifest is gone cannot be, and is brought again.
    fn mend(
        &self,
        host: &dyn ManagedCatalog,
        entry: &CatalogEntry,
        look: &Look,
        given: Option<&Digest>,
    ) -> Result<ProvisionReport> {
        let Some(manifest) = manifest_of(host, entry)? else {
            return self.carry_out(look.plan.acquire, look, given);
        };
        let repaired = self.repair(host, &manifest)?;
        if repaired.entry.digest != look.plan.expected {
            return Err(self.changed());
        }
        self.watch.tell(EventKind::Registered);
        let admissible = Admissible {
            place: Place::Path(repaired.entry.local_path, 0),
            satisfied: Satisfied::Repaired,
            pinned: look.plan.expected.clone(),
            digest: look.plan.expected.clone(),
            outcome: passed(),
            proof: match self.is_digest_given {
                true => Proof::CallersDigest,
                false => Proof::PinnedDigest,
            },
            verified_by: Some(Method::Hashed),
            verification: None,
            bytes_staged: repaired.bytes,
            bytes_reused: manifest.size().saturating_sub(repaired.bytes),
            revision: manifest.revision,
        };
        Ok(self.report(admissible, true))
    }

    fn report(&self, admissible: Admissible, is_catalog_changed: bool) -> ProvisionReport {
        ProvisionReport {
            resolved: ResolvedModel {
                id: self.id().to_string(),
                local_path: admissible.place.path().to_path_buf(),
            },
            satisfied: admissible.satisfied,
            digest: admissible.digest,
            outcome: admissible.outcome,
            proof: admissible.proof,
            verified_by: admissible.verified_by,
            bytes_staged: admissible.bytes_staged,
            bytes_reused: admissible.bytes_reused,
            revision: admissible.revision,
            is_catalog_changed,
            durations: self.watch.durations(),
        }
    }
}

/// What the manifest of a managed model says; none if it is missing or damaged.
fn manifest_of(host: &dyn ManagedCatalog, entry: &CatalogEntry) -> Result<Option<Manifest>> {
    match host.artifacts().manifest_at(&entry.local_path) {
        Err(CatalogError::StoreDamaged { .. }) => Ok(None),
        found => Ok(found?),
    }
}

fn passed() -> VerificationOutcome {
    VerificationOutcome {
        kind: VerificationOutcomeKind::Pass,
        reason: None,
    }
}
