use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use catalog_core::{CatalogError, ModelId, ModelLock, Progress};

use super::report::Durations;
use super::request::ProvisionRequest;
use crate::error::ProvisionError;
use crate::observe::{Event, EventKind, Observer};
use crate::policy::{Policy, Refusal};

/// How often the holder of a model lock reports its progress to the callers that wait.
const REPORT_EVERY: Duration = Duration::from_millis(200);

/// Follows a call: tells its observer and those who wait for it, and says when it has to stop.
pub(super) struct Watch<'w> {
    pub(super) id: ModelId,
    /// The same, as events carry it.
    shared_id: Arc<str>,
    observer: &'w dyn Observer,
    policy: &'w Policy,
    request: &'w ProvisionRequest,
    began: Instant,
    part: Cell<Part>,
    durations: RefCell<Durations>,
    refusal: RefCell<Option<Refusal>>,
    lock: RefCell<Option<ModelLock>>,
    reported: Cell<Option<Instant>>,
}

/// The parts of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Planning,
    Waiting,
    Fetching,
    Verifying,
    Publishing,
    Registering,
}

impl Part {
    /// For messages, before the model's name.
    fn doing(self) -> &'static str {
        match self {
            Self::Planning => "planning for",
            Self::Waiting => "waiting for somebody else who fetches",
            Self::Fetching => "fetching",
            Self::Verifying => "verifying",
            Self::Publishing => "publishing",
            Self::Registering => "registering",
        }
    }
}

impl<'w> Watch<'w> {
    pub(super) fn new(
        id: ModelId,
        observer: &'w dyn Observer,
        policy: &'w Policy,
        request: &'w ProvisionRequest,
    ) -> Self {
        Self {
            shared_id: id.as_str().into(),
            id,
            observer,
            policy,
            request,
            began: Instant::now(),
            part: Cell::new(Part::Planning),
            durations: RefCell::default(),
            refusal: RefCell::default(),
            lock: RefCell::default(),
            reported: Cell::default(),
        }
    }

    pub(super) fn tell(&self, kind: EventKind) {
        self.observer.on_event(&Event {
            id: Arc::clone(&self.shared_id),
            kind,
        });
    }

    /// Does a part of the call, and counts the time it takes.
    pub(super) fn during<T>(&self, part: Part, work: impl FnOnce() -> T) -> T {
        self.part.set(part);
        let begin = Instant::now();
        let result = work();
        self.count(part, begin.elapsed());
        result
    }

    /// Counts time as that of a part.
    pub(super) fn count(&self, part: Part, time: Duration) {
        let mut durations = self.durations.borrow_mut();
        let counted = match part {
            Part::Planning => return,
            Part::Waiting => &mut durations.waiting,
            Part::Fetching => &mut durations.fetching,
            Part::Verifying => &mut durations.verifying,
            Part::Publishing => &mut durations.publishing,
            Part::Registering => &mut durations.registering,
        };
        *counted += time;
    }

    /// Those so far.
    pub(super) fn durations(&self) -> Durations {
        Durations {
            total: self.began.elapsed(),
            ..*self.durations.borrow()
        }
    }

    /// Fails if the call is to stop; [`explain`](Self::explain) makes of that what its caller sees.
    pub(super) fn check(&self) -> catalog_core::Result<()> {
        if self.request.cancel.is_cancelled() || self.is_overdue() {
            return Err(CatalogError::Cancelled);
        }
        Ok(())
    }

    fn is_overdue(&self) -> bool {
        let deadline = self.request.deadline;
        deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// The time that is left before the call has to stop.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let deadline = self.request.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    pub(super) fn fetching(&self, progress: Progress) -> catalog_core::Result<()> {
        self.check()?;
        self.check_size(progress.total.unwrap_or(progress.done).max(progress.done))?;
        self.report(progress);
        self.tell(EventKind::Fetching(progress));
        Ok(())
    }

    pub(super) fn verifying(&self, progress: Progress) -> catalog_core::Result<()> {
        self.check()?;
        self.report(Progress {
            done: progress.done,
            total: progress.total,
        });
        self.tell(EventKind::Verifying(progress));
        Ok(())
    }

    fn check_size(&self, bytes: u64) -> catalog_core::Result<()> {
        match self.policy.size_refusal(bytes) {
            None => Ok(()),
            Some(refusal) => {
                *self.refusal.borrow_mut() = Some(refusal);
                Err(CatalogError::Cancelled)
            }
        }
    }

    fn report(&self, progress: Progress) {
        let is_due = self
            .reported
            .get()
            .is_none_or(|last| last.elapsed() >= REPORT_EVERY);
        if is_due && let Some(lock) = self.lock.borrow_mut().as_mut() {
            lock.report(progress.done, progress.total);
            self.reported.set(Some(Instant::now()));
        }
    }

    /// Keeps the model lock of the call, and reports its progress to the callers that wait.
    pub(super) fn keep(&self, lock: ModelLock) {
        *self.lock.borrow_mut() = Some(lock);
    }

    /// Gives the model lock back.
    pub(super) fn take_lock(&self) -> Option<ModelLock> {
        self.lock.borrow_mut().take()
    }

    /// Says why a call stopped that was told to.
    pub(super) fn explain(&self, error: ProvisionError) -> ProvisionError {
        if !matches!(error, ProvisionError::Catalog(CatalogError::Cancelled)) {
            return error;
        }
        if let Some(refusal) = self.refusal.borrow_mut().take() {
            return ProvisionError::refused(&self.id, refusal);
        }
        if self.request.cancel.is_cancelled() || !self.is_overdue() {
            return error;
        }
        ProvisionError::DeadlineExceeded {
            id: self.id.to_string(),
            after: self.began.elapsed(),
            doing: self.part.get().doing(),
        }
    }
}
