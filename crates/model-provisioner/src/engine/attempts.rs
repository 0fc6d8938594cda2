//! The course of a call: when it waits, retries and ends.
//!
//! - If the model is on this host and proved, the call ends after one look at the catalog. It waits
//!   only for the lease.
//! - Any other call waits for the model lock, so that one caller at a time works on a model, across
//!   threads and processes. A call that waited uses the result, or the failure, of the source call
//!   of the holder, if the reference, the digest, the freshness and the credentials of both calls
//!   agree. A holder that was killed, was cancelled or passed its deadline leaves no result, and
//!   the next caller takes over.
//! - If another caller changes the entry during the call, the call starts again. It makes
//!   [`MAX_ATTEMPTS`] attempts at most.
//! - Every wait and every hash ends at the deadline of the call.

use std::time::{Duration, Instant};

use catalog_core::managed::{ModelLockAttempt, ModelLockStatus, SourceCall, SourceFailure};
use catalog_core::{CatalogError, FetchProblem, Hasher, Retry};

use super::context::CallContext;
use super::execute::{execute, miss_of};
use super::facts::{Facts, LockFacts, look};
use super::phase::Phase;
use super::plan::{Miss, Wishes, first_step, next_step};
use super::register::finish;
use super::verified::Executed;
use crate::error::{ProvisionError, Result};
use crate::observe::EventKind;
use crate::report::ProvisionReport;
use crate::steps::Step;

/// The maximum number of attempts of a call. Each attempt but the first follows a change of the
/// entry by another caller.
const MAX_ATTEMPTS: usize = 8;

/// The first and the longest pause between two attempts to take the model lock.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// The time between two events of a call that waits.
const NOTIFY_EVERY: Duration = Duration::from_millis(200);

/// Provisions the model of a call.
pub(super) fn provide(ctx: &CallContext<'_>, wants_lease: bool) -> Result<ProvisionReport> {
    let wishes = Wishes {
        given: ctx.given.as_ref(),
        freshness: ctx.freshness,
        policy: ctx.policy,
    };
    ctx.check()?;
    let facts = look(ctx, &LockFacts::default())?;
    if first_step(&facts, &wishes) == Step::Use {
        match take_steps(ctx, &wishes, facts, wants_lease) {
            Err(error) if is_conflict(&error) => {}
            done => return done,
        }
    }
    let terms = terms(ctx);
    let gained = wait_for_lock(ctx, &terms)?;
    if let Some(failure) = &gained.failure {
        let step = first_step(&look(ctx, &gained)?, &wishes);
        // A third caller may have provisioned the model since.
        if !matches!(step, Step::Use | Step::Activate) {
            drop(ctx.take_lock());
            return Err(ProvisionError::FailedElsewhere {
                id: ctx.id.to_string(),
                code: failure.code.clone(),
                detail: failure.detail.clone(),
                is_retryable: failure.is_retryable,
            });
        }
    }
    let mut attempt = 1;
    let done = loop {
        let done = ctx
            .check()
            .map_err(ProvisionError::from)
            .and_then(|()| look(ctx, &gained))
            .and_then(|facts| take_steps(ctx, &wishes, facts, wants_lease));
        match done {
            Err(error) if is_conflict(&error) && attempt < MAX_ATTEMPTS => attempt += 1,
            done => break done,
        }
    };
    if let Some(mut lock) = ctx.take_lock() {
        match &done {
            // A call that used the result of another call has no result of its own to share.
            Ok(_) if !ctx.is_source_called() => {}
            Ok(_) => lock.end_call(&terms, None),
            Err(error) if is_shared(error) => {
                let retry = match error.is_retryable() {
                    true => Retry::Yes,
                    false => Retry::No,
                };
                let failure = SourceFailure::new(error.code(), &with_causes(error), retry);
                lock.end_call(&terms, Some(failure));
            }
            Err(_) => {}
        }
    }
    done
}

/// Executes one step after the other until the model is provided, and registers the model.
fn take_steps(
    ctx: &CallContext<'_>,
    wishes: &Wishes<'_>,
    mut facts: Facts,
    wants_lease: bool,
) -> Result<ProvisionReport> {
    let mut step = first_step(&facts, wishes);
    let done = loop {
        ctx.notify(EventKind::Planned { step });
        if step == Step::Verify && ctx.with_lock(|lock| lock.is_of_this_process()) == Some(true) {
            // The result of this call cannot be recorded for other callers, so they need not wait
            // for it.
            drop(ctx.take_lock());
        }
        let (miss, error) = match execute(ctx, &facts, wishes, step) {
            Ok(Executed::Verified(model)) => {
                let known = facts.known.as_ref().map(|known| &known.entry);
                break finish(ctx, known, *model, wants_lease);
            }
            Ok(Executed::Missed(miss)) => (miss, None),
            Err(error) => match miss_of(&error, step) {
                Some(miss) => (miss, Some(error)),
                None => break Err(error),
            },
        };
        facts.has_moved |= miss == Miss::SourceMoved;
        match (next_step(&facts, wishes, step, miss), error) {
            (Some(next), _) => step = next,
            (None, Some(error)) => break Err(error),
            (None, None) => break Err(ctx.changed()),
        }
    };
    match done {
        // Another caller deleted or replaced the model while this call looked at it.
        Err(error) if may_be_stale(&error) => {
            let known = facts.known.map(|known| known.entry);
            match ctx.catalog.get(&ctx.id)? == known {
                true => Err(error),
                false => Err(ctx.changed()),
            }
        }
        done => done,
    }
}

/// Waits for the model lock. A catalog that is not on disk has no model locks, and the call does
/// not wait.
fn wait_for_lock(ctx: &CallContext<'_>, terms: &str) -> Result<LockFacts> {
    let Some(store) = ctx.store() else {
        return Ok(LockFacts::default());
    };
    let begin = Instant::now();
    let before = store.snapshot()?;
    let mut pause = PAUSES.0;
    let mut told: Option<Instant> = None;
    // The finished source calls in the text of the lock when this call first read it.
    let mut seen: Option<Vec<SourceCall>> = None;
    let mut is_waiting = false;
    let lock = loop {
        let status = match store.try_lock_model(&ctx.id)? {
            ModelLockAttempt::Begun(lock) => break lock,
            ModelLockAttempt::Taken(status) => status,
        };
        is_waiting = true;
        let ModelLockStatus {
            holder,
            progress,
            calls,
            ..
        } = status;
        seen = seen.or(calls);
        match ctx.during(Phase::Waiting, || ctx.check()) {
            Err(CatalogError::DeadlineExceeded { .. }) => return Err(ctx.overdue(Some(holder))),
            checked => checked?,
        }
        if told.is_none_or(|told| told.elapsed() >= NOTIFY_EVERY) {
            told = Some(Instant::now());
            ctx.notify(EventKind::Waiting { holder, progress });
        }
        std::thread::sleep(ctx.time_left().map_or(pause, |left| left.min(pause)));
        pause = (pause * 2).min(PAUSES.1);
    };
    let published = lock.announced().map(str::to_owned);
    if !is_waiting {
        ctx.keep(lock);
        return Ok(LockFacts {
            published,
            ..LockFacts::default()
        });
    }
    ctx.count(Phase::Waiting, begin.elapsed());
    let call = seen.and_then(|seen| {
        let ended = lock.calls().iter().find(|call| call.terms == terms)?;
        let is_new = seen.iter().all(|call| call.id != ended.id);
        is_new.then(|| ended.clone())
    });
    ctx.keep(lock);
    let failure = call.as_ref().and_then(|call| call.failure.clone());
    Ok(LockFacts {
        since: Some(before),
        published,
        is_source_asked: call.is_some() && failure.is_none(),
        failure,
    })
}

/// Returns the terms of a call, a text that other callers compare with their own. The source calls
/// of two calls with equal terms have equal results. The terms leave out the reference, because
/// each model has its own lock.
fn terms(ctx: &CallContext<'_>) -> String {
    let credentials = ctx.fetcher.credentials_id(ctx.model_ref);
    let policy = (
        ctx.policy.on_mismatch,
        ctx.policy.staging,
        ctx.policy.content,
    );
    let asked = format!(
        "{:?} {:?} {policy:?} {credentials:?} {:?}",
        ctx.given, ctx.freshness, ctx.patterns
    );
    let mut hash = Hasher::new();
    hash.update(asked.as_bytes());
    hash.finish().value
}

/// Returns true if every caller with the same request would get this error too. An error that comes
/// from the limits or the policy of this call, or from a command that this process lacks, does not
/// count.
fn is_shared(error: &ProvisionError) -> bool {
    match error {
        ProvisionError::DigestMismatch { .. }
        | ProvisionError::SourceMismatch { .. }
        | ProvisionError::Unsound { .. } => true,
        ProvisionError::Catalog(CatalogError::Fetch { problem, .. }) => {
            !matches!(problem, FetchProblem::ToolMissing | FetchProblem::Offline)
        }
        ProvisionError::Catalog(error) => matches!(
            error,
            CatalogError::DigestMismatch { .. }
                | CatalogError::FormatRefused { .. }
                | CatalogError::ArtifactIncomplete { .. }
                | CatalogError::ForeignShards { .. }
                | CatalogError::NameRefused { .. }
                | CatalogError::NoSpace { .. }
        ),
        _ => false,
    }
}

fn is_conflict(error: &ProvisionError) -> bool {
    matches!(
        error,
        ProvisionError::Catalog(CatalogError::Conflict { .. })
    )
}

/// Returns true if an error may come from a change of the entry or of its files by another caller.
fn may_be_stale(error: &ProvisionError) -> bool {
    match error {
        ProvisionError::Unsound { .. } => true,
        ProvisionError::Catalog(error) => error.is_absence(),
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
