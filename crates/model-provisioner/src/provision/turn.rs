//! One call, from its first look to its report.

use catalog_core::{
    CatalogEntry, CatalogError, CatalogStore, Digest, Expected, FetchProblem, FlightFailure,
    FsCatalog, Hasher, LifecycleState, LogMark, Manifest, ModelFetcher, ModelRef, ResolvedModel,
    VerificationOutcome, VerificationOutcomeKind, VerifiedBy,
};

use super::acquire::Call;
use super::admit::{Admissible, Place};
use super::plan::{Facts, Plan, plan};
use super::report::ProvisionReport;
use super::request::ProvisionRequest;
use super::single_flight::wait_for_turn;
use super::watch::Part;
use crate::error::{ProvisionError, Result};
use crate::means::{Proof, Satisfied, Step};
use crate::observe::EventKind;

/// How often a call begins anew because somebody changed the entry meanwhile, before it gives up
/// with the conflict.
const MAX_ATTEMPTS: usize = 8;

/// What a look found, and what is to be done about it.
struct Look {
    known: Option<CatalogEntry>,
    is_here: bool,
    plan: Plan,
}

impl<C: CatalogStore, F: ModelFetcher> Call<'_, C, F> {
    /// Answers at once if nothing is to be done: no lock, no write, no process.
    pub(super) fn answer_at_once(
        &self,
        request: &ProvisionRequest,
        given: Option<&Digest>,
    ) -> Result<Option<ProvisionReport>> {
        let look = self.look(request, given, None)?;
        match (look.plan.step, &look.known) {
            (Step::Nothing, Some(known)) => {
                self.watch.tell(EventKind::Planned {
                    step: Step::Nothing,
                });
                self.as_it_is(known, look.plan.expected).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Waits for the turn of the call, and does what is to be done then.
    pub(super) fn take_turn(
        &self,
        request: &ProvisionRequest,
        given: Option<&Digest>,
    ) -> Result<ProvisionReport> {
        let terms = self.terms(request, given);
        let mut since = None;
        if let Some(host) = self.catalog.on_disk() {
            let turn = wait_for_turn(host, &terms, self.watch)
                .map_err(|error| self.watch.explain(error))?;
            since = turn.since;
            if let Some(flight) = turn.flight {
                self.watch.keep(flight);
            }
        }
        let mut attempt = 1;
        let done = loop {
            match self.attempt(request, given, since) {
                Err(ProvisionError::Catalog(CatalogError::Conflict { .. }))
                    if attempt < MAX_ATTEMPTS =>
                {
                    attempt += 1;
                }
                outcome => break outcome.map_err(|error| self.watch.explain(error)),
            }
        };
        if let (Err(error), Some(flight)) = (&done, self.watch.take_flight())
            && is_everybodys(error)
        {
            flight.fail(FlightFailure::now(
                &terms,
                error.code(),
                &with_causes(error),
                error.is_retryable(),
            ));
        }
        done
    }

    /// What it asks for: calls with the same terms would fail in the same way.
    fn terms(&self, request: &ProvisionRequest, given: Option<&Digest>) -> String {
        let asked = format!("{given:?} {:?} {:?}", request.freshness, self.policy);
        let mut hash = Hasher::new();
        hash.update(asked.as_bytes());
        hash.finish().value
    }

    fn attempt(
        &self,
        request: &ProvisionRequest,
        given: Option<&Digest>,
        since: Option<LogMark>,
    ) -> Result<ProvisionReport> {
        self.watch.check()?;
        let look = self.look(request, given, since)?;
        let step = look.plan.step;
        self.watch.tell(EventKind::Planned { step });
        let mut done = self.carry_out(step, &look, given);
        let mut last = step;
        let instead = look.plan.or_else.into_iter().chain([look.plan.acquire]);
        for instead in instead {
            // Only for a repair that fails there is a second way out.
            let is_next = match last {
                // What the source has now is not what was expected: what is here is no answer.
                Step::LookAgain => false,
                Step::Repair => true,
                _ => look.plan.or_else == Some(instead),
            };
            match &done {
                Err(error) if is_next && is_of_the_bytes(error, last) => {}
                _ => break,
            }
            self.watch.tell(EventKind::Planned { step: instead });
            done = self.carry_out(instead, &look, given);
            last = instead;
        }
        match done {
            // Somebody deleted or replaced it while it was looked at.
            Err(error) if may_be_stale(&error) && self.catalog.get(self.id())? != look.known => {
                Err(self.changed())
            }
            done => done,
        }
    }

    /// The error that has a call begin anew.
    fn changed(&self) -> ProvisionError {
        ProvisionError::Catalog(CatalogError::Conflict {
            id: self.id().to_owned(),
            expected: "as it was when this call began",
        })
    }

    /// Looks at everything that decides what is to be done.
    fn look(
        &self,
        request: &ProvisionRequest,
        given: Option<&Digest>,
        since: Option<LogMark>,
    ) -> Result<Look> {
        let host = self.catalog.on_disk();
        let known = self.catalog.get(self.id())?;
        let is_in_store = |entry: &CatalogEntry| {
            host.is_some_and(|host| host.artifacts().holds(&entry.local_path))
        };
        let is_managed = known.as_ref().is_some_and(is_in_store);
        let is_proved = match (&known, host) {
            (Some(entry), Some(host)) if entry.digest.is_some() => {
                match host.is_proved(entry, since) {
                    Err(error) if is_absence(&error) => false,
                    proved => proved?,
                }
            }
            _ => false,
        };
        // What is proved is there.
        let is_here = is_proved || (known.is_some() && self.catalog.exists(self.id())?);
        let facts = Facts {
            given,
            entry: known.as_ref(),
            is_here,
            is_managed,
            is_proved,
            is_local: matches!(self.model_ref, ModelRef::File { .. }),
            can_stage: self.fetcher.can_stage(self.model_ref),
            has_store: host.is_some(),
        };
        let plan = plan(&facts, self.policy, request.freshness);
        if let Some(pinned) = &plan.expected {
            pinned
                .algorithm()
                .map_err(|source| ProvisionError::PinnedDigestUnusable {
                    id: self.id().to_owned(),
                    source,
                })?;
        }
        Ok(Look {
            known,
            is_here,
            plan,
        })
    }

    fn carry_out(
        &self,
        step: Step,
        look: &Look,
        given: Option<&Digest>,
    ) -> Result<ProvisionReport> {
        let known = look.known.as_ref();
        let expected = look.plan.expected.clone();
        let admissible = match (step, known, self.catalog.on_disk()) {
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
    fn as_it_is(&self, known: &CatalogEntry, expected: Option<Digest>) -> Result<ProvisionReport> {
        self.check_vouched(known, &expected)?;
        let (outcome, proof, verified_by) = match &expected {
            Some(_) if self.is_digest_given => {
                (passed(), Proof::CallersDigest, VerifiedBy::Fingerprint)
            }
            Some(_) => (passed(), Proof::PinnedDigest, VerifiedBy::Fingerprint),
            None => (self.unverified()?, Proof::Nothing, VerifiedBy::Nothing),
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
            bytes_staged: 0,
            bytes_reused: 0,
            revision: None,
        };
        Ok(self.report(admissible, false))
    }

    /// Fails if the policy wants proof, and the only digest of a managed model is the one that was
    /// computed when it was staged.
    pub(super) fn check_vouched(
        &self,
        known: &CatalogEntry,
        expected: &Option<Digest>,
    ) -> Result<()> {
        let Some(refusal) = self.policy.unverified_refusal() else {
            return Ok(());
        };
        if self.is_digest_given || expected.is_none() {
            return Ok(());
        }
        let manifest = match self.catalog.on_disk() {
            Some(host) => manifest_of(host, known)?,
            None => None,
        };
        match manifest {
            Some(manifest) if manifest.is_unproved => {
                Err(ProvisionError::refused(self.id(), refusal))
            }
            _ => Ok(()),
        }
    }

    /// Repairs a managed model; one whose manifest is gone cannot be, and is brought again.
    fn mend(
        &self,
        host: &FsCatalog,
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
            verified_by: VerifiedBy::Hash,
            bytes_staged: repaired.bytes,
            bytes_reused: manifest.size().saturating_sub(repaired.bytes),
            revision: manifest.revision,
        };
        Ok(self.report(admissible, true))
    }

    fn report(&self, admissible: Admissible, is_catalog_changed: bool) -> ProvisionReport {
        ProvisionReport {
            resolved: ResolvedModel {
                id: self.id().to_owned(),
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
fn manifest_of(host: &FsCatalog, entry: &CatalogEntry) -> Result<Option<Manifest>> {
    match host.artifacts().manifest_at(&entry.local_path) {
        Err(CatalogError::StoreDamaged { .. }) => Ok(None),
        found => Ok(found?),
    }
}

/// Whether whoever asks for the same would fail in the same way: not by its caller's wish, or for
/// want of what this process has not, such as a token or a command.
fn is_everybodys(error: &ProvisionError) -> bool {
    use FetchProblem::{NoSpace, Refused, Unreachable};
    match error {
        ProvisionError::DigestMismatch { .. } => true,
        ProvisionError::Catalog(CatalogError::Fetch { problem, .. }) => {
            matches!(problem, NoSpace | Refused | Unreachable)
        }
        ProvisionError::Catalog(error) => matches!(
            error,
            CatalogError::DigestMismatch { .. }
                | CatalogError::FormatRefused { .. }
                | CatalogError::ArtifactIncomplete { .. }
                | CatalogError::NameRefused { .. }
                | CatalogError::NoSpace { .. }
        ),
        _ => false,
    }
}

/// Whether an error says that something is not, or not any more, where it should be.
fn is_absence(error: &CatalogError) -> bool {
    match error {
        CatalogError::NotFound { .. }
        | CatalogError::ArtifactMissing { .. }
        | CatalogError::ArtifactChanged { .. }
        | CatalogError::StoreDamaged { .. } => true,
        CatalogError::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Whether an error may come of somebody changing the entry or its files meanwhile.
fn may_be_stale(error: &ProvisionError) -> bool {
    match error {
        ProvisionError::Unsound { .. } => true,
        ProvisionError::Catalog(error) => is_absence(error),
        _ => false,
    }
}

/// Whether an error says that the bytes which are here are not the right ones, or not all there; of
/// a repair, that its source does not have them any more.
fn is_of_the_bytes(error: &ProvisionError, step: Step) -> bool {
    use ProvisionError::{Catalog, DigestMismatch, Unsound};
    match error {
        DigestMismatch { .. } | Unsound { .. } => true,
        Catalog(CatalogError::Fetch { problem, .. }) => {
            let is_gone = matches!(
                problem,
                FetchProblem::FileNotFound | FetchProblem::RevisionNotFound
            );
            step == Step::Repair && is_gone
        }
        Catalog(error) => matches!(
            error,
            CatalogError::ArtifactMissing { .. }
                | CatalogError::DigestMismatch { .. }
                | CatalogError::StoreDamaged { .. }
        ),
        _ => false,
    }
}

fn with_causes(error: &ProvisionError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

fn passed() -> VerificationOutcome {
    VerificationOutcome {
        kind: VerificationOutcomeKind::Pass,
        reason: None,
    }
}
