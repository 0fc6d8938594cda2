use std::cell::{Cell, OnceCell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use catalog_core::fetching::FetchedBytes;
use catalog_core::managed::{ManagedCatalog, ModelLock};
use catalog_core::{
    Basis, CatalogEntry, CatalogError, CatalogStore, Digest, Expected, FetchTask, FilePatterns,
    Limits, ModelFetcher, ModelId, ModelRef, Progress,
};

use super::phase::Phase;
use crate::error::{ProvisionError, Result};
use crate::observe::{Event, EventKind, Observer};
use crate::policy::{Policy, Refusal};
use crate::report::Durations;
use crate::request::{Freshness, ProvisionRequest};

/// The time between two reports of the holder of a model lock to the callers that wait.
const REPORT_EVERY: Duration = Duration::from_millis(200);

/// The context of a call: the catalog, the fetcher, the policy, the request and the limits. It
/// reports to the observer and to the callers that wait, and measures the time of each phase.
pub(super) struct CallContext<'c> {
    pub(super) catalog: &'c dyn CatalogStore,
    pub(super) fetcher: &'c dyn ModelFetcher,
    pub(super) policy: &'c Policy,
    pub(super) model_ref: &'c ModelRef,
    pub(super) freshness: Freshness,
    /// The patterns of the files that the request asks for.
    pub(super) patterns: &'c FilePatterns,
    /// The digest that the request states, in its canonical form.
    pub(super) given: Option<Digest>,
    pub(super) id: ModelId,
    /// The id, shared by all events of the call.
    shared_id: Arc<str>,
    observer: &'c dyn Observer,
    limits: Limits,
    limited: OnceCell<Option<Box<dyn ManagedCatalog>>>,
    began: Instant,
    phase: Cell<Phase>,
    durations: RefCell<Durations>,
    refusal: RefCell<Option<Refusal>>,
    lock: RefCell<Option<ModelLock>>,
    reported: Cell<Option<Instant>>,
    is_catalog_changed: Cell<bool>,
    is_source_called: Cell<bool>,
    bytes: Cell<FetchedBytes>,
}

impl<'c> CallContext<'c> {
    pub(super) fn new(
        catalog: &'c dyn CatalogStore,
        fetcher: &'c dyn ModelFetcher,
        policy: &'c Policy,
        observer: &'c dyn Observer,
        request: &'c ProvisionRequest,
    ) -> Result<Self> {
        let given = request.given_digest()?;
        if !request.patterns.is_empty() && request.model_ref.as_hf().is_none() {
            return Err(ProvisionError::PatternsUnusable {
                reference: request.model_ref.to_string(),
            });
        }
        let id = request.model_ref.model_id()?;
        Ok(Self {
            catalog,
            fetcher,
            policy,
            model_ref: &request.model_ref,
            freshness: request.freshness,
            patterns: &request.patterns,
            given,
            shared_id: id.as_str().into(),
            id,
            observer,
            limits: request.limits(),
            limited: OnceCell::new(),
            began: Instant::now(),
            phase: Cell::new(Phase::Planning),
            durations: RefCell::default(),
            refusal: RefCell::default(),
            lock: RefCell::default(),
            reported: Cell::default(),
            is_catalog_changed: Cell::default(),
            is_source_called: Cell::default(),
            bytes: Cell::default(),
        })
    }

    /// Returns the interface of a catalog on disk, within the limits of the call.
    pub(super) fn store(&self) -> Option<&dyn ManagedCatalog> {
        let limited = self.limited.get_or_init(|| {
            let managed = self.catalog.managed()?;
            Some(managed.with_limits(self.limits.clone()))
        });
        limited.as_deref()
    }

    /// Stores an entry, within the limits of the call, if the present entry is as expected.
    pub(super) fn put_if(
        &self,
        entry: &CatalogEntry,
        expected: Expected<'_, CatalogEntry>,
    ) -> Result<()> {
        let put = match self.store() {
            Some(store) => store.put_if(entry, expected),
            None => self.catalog.put_if(entry, expected),
        };
        Ok(put?)
    }

    pub(super) fn is_local(&self) -> bool {
        matches!(self.model_ref, ModelRef::File { .. })
    }

    /// Returns the task to fetch the model, within the limits and the policy of the call.
    pub(super) fn task(&self) -> FetchTask<'_> {
        let mut task = FetchTask::new(self.model_ref);
        task.gate = self.policy;
        task.limits = &self.limits;
        task.max_bytes = self.policy.max_bytes;
        task
    }

    /// Returns the basis of a comparison with the expected digest. If the request states the
    /// digest, the basis is the caller. Otherwise it is the recorded source of the pinned digest.
    /// If no source is recorded, an earlier caller pinned the digest.
    pub(super) fn basis_of_expected(&self, recorded: Option<Basis>) -> Basis {
        match self.given {
            Some(_) => Basis::Caller,
            None => recorded.map_or(Basis::Pin, |recorded| recorded.min(Basis::Pin)),
        }
    }

    /// Returns an error if the fetcher does not serve the reference, or if the policy forbids a
    /// connection to its host.
    pub(super) fn check_outbound(&self) -> Result<()> {
        self.fetcher.check_support(self.model_ref)?;
        let host = self.fetcher.source_host(self.model_ref);
        let refusal = self.policy.outbound_refusal(self.model_ref, &host);
        match refusal {
            Some(refusal) => Err(ProvisionError::refused(&self.id, refusal)),
            None => Ok(()),
        }
    }

    /// Returns an error if the policy forbids a model of this size.
    pub(super) fn check_size(&self, bytes: Option<u64>) -> Result<()> {
        match bytes.and_then(|bytes| self.policy.size_refusal(bytes)) {
            Some(refusal) => Err(ProvisionError::refused(&self.id, refusal)),
            None => Ok(()),
        }
    }

    pub(super) fn notify(&self, kind: EventKind) {
        self.observer
            .on_event(&Event::new(Arc::clone(&self.shared_id), kind));
    }

    /// Records that the call asks the source.
    pub(super) fn note_source_call(&self) {
        self.is_source_called.set(true);
    }

    /// Returns true if the call asked the source.
    pub(super) fn is_source_called(&self) -> bool {
        self.is_source_called.get()
    }

    /// Records that the catalog now names the model, and reports it.
    pub(super) fn note_registration(&self) {
        self.is_catalog_changed.set(true);
        self.with_lock(ModelLock::withdraw);
        self.notify(EventKind::Registered);
    }

    /// Returns true if the call changed the catalog.
    pub(super) fn is_catalog_changed(&self) -> bool {
        self.is_catalog_changed.get()
    }

    /// Does a phase of the call, and measures its time.
    pub(super) fn during<T>(&self, phase: Phase, work: impl FnOnce() -> T) -> T {
        self.phase.set(phase);
        let begin = Instant::now();
        let result = work();
        self.count(phase, begin.elapsed());
        result
    }

    /// Adds a time to the time of a phase.
    pub(super) fn count(&self, phase: Phase, time: Duration) {
        let mut durations = self.durations.borrow_mut();
        let counted = match phase {
            Phase::Planning => return,
            Phase::Waiting => &mut durations.waiting,
            Phase::Fetching => &mut durations.fetching,
            Phase::Verifying => &mut durations.verifying,
            Phase::Publishing => &mut durations.publishing,
            Phase::Registering => &mut durations.registering,
        };
        *counted += time;
    }

    /// Returns the time of each phase so far.
    pub(super) fn durations(&self) -> Durations {
        Durations {
            total: self.began.elapsed(),
            ..*self.durations.borrow()
        }
    }

    /// Returns the limits of the call.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns an error if the call must stop.
    pub(super) fn check(&self) -> catalog_core::Result<()> {
        self.limits.check(self.phase.get().doing())
    }

    /// Returns the time until the deadline, if the call has a deadline.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let deadline = self.limits.deadline()?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// Reports the progress of a fetch. Returns an error if the call must stop, or if the policy
    /// forbids a model of that size.
    pub(super) fn fetching(&self, progress: Progress) -> catalog_core::Result<()> {
        self.check()?;
        let bytes = progress.total.unwrap_or(progress.done).max(progress.done);
        if let Some(refusal) = self.policy.size_refusal(bytes) {
            // The fetcher can return only an error of `catalog-core`. `explain` replaces it with
            // the refusal.
            *self.refusal.borrow_mut() = Some(refusal);
            return Err(CatalogError::Cancelled);
        }
        self.report(progress);
        self.notify(EventKind::Fetching(progress));
        Ok(())
    }

    /// Reports the progress of one file of a fetch.
    pub(super) fn fetching_file(&self, name: &str, progress: Progress) {
        self.notify(EventKind::FetchingFile {
            name: name.into(),
            progress,
        });
    }

    /// Counts the bytes of a fetch by their origin.
    pub(super) fn note_bytes(&self, bytes: FetchedBytes) {
        let mut all = self.bytes.get();
        all.fetched += bytes.fetched;
        all.resumed += bytes.resumed;
        all.reused += bytes.reused;
        self.bytes.set(all);
    }

    /// Returns the bytes of all fetches of the call by their origin.
    pub(super) fn bytes(&self) -> FetchedBytes {
        self.bytes.get()
    }

    /// Reports the progress of hashing. Returns an error if the call must stop.
    pub(super) fn verifying(&self, progress: Progress) -> catalog_core::Result<()> {
        self.check()?;
        self.report(progress);
        self.notify(EventKind::Verifying(progress));
        Ok(())
    }

    fn report(&self, progress: Progress) {
        let last = self.reported.get();
        if last.is_none_or(|last| last.elapsed() >= REPORT_EVERY) {
            self.with_lock(|lock| lock.report(progress));
            self.reported.set(Some(Instant::now()));
        }
    }

    /// Keeps the model lock of the call.
    pub(super) fn keep(&self, lock: ModelLock) {
        *self.lock.borrow_mut() = Some(lock);
    }

    /// Calls a function with the model lock, if the call holds it.
    pub(super) fn with_lock<T>(&self, work: impl FnOnce(&mut ModelLock) -> T) -> Option<T> {
        self.lock.borrow_mut().as_mut().map(work)
    }

    /// Takes the model lock out of the context, if the call holds it.
    pub(super) fn take_lock(&self) -> Option<ModelLock> {
        self.lock.borrow_mut().take()
    }

    /// Returns the error that starts the call again: another caller changed the entry.
    pub(super) fn changed(&self) -> ProvisionError {
        ProvisionError::Catalog(CatalogError::Conflict {
            id: self.id.to_string(),
            expected: "as it was when this call began",
        })
    }

    /// Returns the error of a call whose deadline passed. `holder` is the holder of the lock for
    /// which it waited.
    pub(super) fn overdue(&self, holder: Option<String>) -> ProvisionError {
        ProvisionError::DeadlineExceeded {
            id: self.id.to_string(),
            after: self.began.elapsed(),
            doing: self.phase.get().doing(),
            holder,
        }
    }

    /// Returns the error of the call for an error of a step. If a limit or a rule of the policy
    /// ended the step, the error names that limit or rule.
    pub(super) fn explain(&self, error: ProvisionError) -> ProvisionError {
        match error {
            ProvisionError::Catalog(CatalogError::Cancelled) => {
                match self.refusal.borrow_mut().take() {
                    Some(refusal) => ProvisionError::refused(&self.id, refusal),
                    None => error,
                }
            }
            ProvisionError::Catalog(CatalogError::DeadlineExceeded { .. }) => self.overdue(None),
            ProvisionError::Catalog(CatalogError::LockTimeout { holder, .. })
                if self.time_left() == Some(Duration::ZERO) =>
            {
                self.overdue(Some(holder))
            }
            error => error,
        }
    }
}
