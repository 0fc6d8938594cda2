//! One call, from its first look to its report.

use std::path::Path;

use catalog_core::{
    CatalogEntry, CatalogError, CatalogSnapshot, CatalogStore, Digest, Hasher, LocalModel,
    ModelFetcher, ModelLockFailure, ModelRef, shard_set,
};

use super::call::Call;
use super::plan::{Facts, Plan, plan};
use super::report::ProvisionReport;
use super::request::ProvisionRequest;
use super::single_flight::wait_for_turn;
use super::verdict::{is_absence, is_everybodys, is_of_the_bytes, may_be_stale, with_causes};
use crate::error::{ProvisionError, Result};
use crate::means::Step;
use crate::observe::EventKind;

/// How often a call begins anew because somebody changed the entry meanwhile, before it gives up
/// with the conflict.
const MAX_ATTEMPTS: usize = 8;

/// What a look found, and what is to be done about it.
pub(super) struct Look {
    pub(super) known: Option<CatalogEntry>,
    pub(super) is_here: bool,
    pub(super) plan: Plan,
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
        if let Some(host) = self.catalog.managed() {
            let turn = wait_for_turn(host, &terms, self.watch)
                .map_err(|error| self.watch.explain(error))?;
            since = turn.since;
            if let Some(lock) = turn.lock {
                self.watch.keep(lock);
            }
        }
        let mut attempt = 1;
        let done = loop {
            match self.attempt(request, given, since.as_ref()) {
                Err(ProvisionError::Catalog(CatalogError::Conflict { .. }))
                    if attempt < MAX_ATTEMPTS =>
                {
                    attempt += 1;
                }
                outcome => break outcome.map_err(|error| self.watch.explain(error)),
            }
        };
        if let (Err(error), Some(lock)) = (&done, self.watch.take_lock())
            && is_everybodys(error)
        {
            lock.fail(ModelLockFailure::now(
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
        since: Option<&CatalogSnapshot>,
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
    pub(super) fn changed(&self) -> ProvisionError {
        ProvisionError::Catalog(CatalogError::Conflict {
            id: self.id().to_string(),
            expected: "as it was when this call began",
        })
    }

    /// Looks at everything that decides what is to be done.
    fn look(
        &self,
        request: &ProvisionRequest,
        given: Option<&Digest>,
        since: Option<&CatalogSnapshot>,
    ) -> Result<Look> {
        let host = self.catalog.managed();
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
        let is_here = is_proved
            || match &known {
                Some(entry) => self.catalog.exists(self.id())? && is_complete(&entry.local_path),
                None => false,
            };
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
                    id: self.id().to_string(),
                    source,
                })?;
        }
        Ok(Look {
            known,
            is_here,
            plan,
        })
    }
}

/// Returns false for one shard of a set that lacks another. Of a folder, nothing is listed.
fn is_complete(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(shard_set).is_none() || LocalModel::resolve(path).is_ok()
}
