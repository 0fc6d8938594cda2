//! One caller at a time makes a model present, across threads and processes; the others wait, and
//! use what it did.
//!
//! Who waits looks again at everything once its turn comes: mostly the model is there then. It
//! trusts the verification that it waited for, and a failure of the very thing that it asks for,
//! too. A caller that was killed, cancelled or out of time leaves nothing: the next one takes over.

use std::time::{Duration, Instant, SystemTime};

use catalog_core::{
    CatalogError, CatalogSnapshot, ManagedCatalog, ModelLock, ModelLockAttempt, Progress,
};

use super::watch::{Part, Watch};
use crate::error::{ProvisionError, Result};
use crate::observe::EventKind;

/// The first and the longest pause between two tries to take a model lock that another caller holds.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// How often an observer is told that a call waits.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// A call whose turn it is.
pub(super) struct Turn {
    /// None where the store can only be read: then nothing can be brought anyhow.
    pub(super) lock: Option<ModelLock>,
    /// The catalog from before the wait, if it waited.
    pub(super) since: Option<CatalogSnapshot>,
}

/// Waits for the turn of a call. `terms` is what it asks for.
pub(super) fn wait_for_turn(
    host: &dyn ManagedCatalog,
    terms: &str,
    watch: &Watch<'_>,
) -> Result<Turn> {
    let begin = Instant::now();
    let began_ms = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64);
    let before = host.snapshot()?;
    let mut pause = PAUSES.0;
    let mut told: Option<Instant> = None;
    let mut is_waiting = false;
    loop {
        let status = match host.try_lock_model(&watch.id) {
            Ok(ModelLockAttempt::Begun(lock)) => {
                if is_waiting {
                    watch.count(Part::Waiting, begin.elapsed());
                    return take_over(lock, before, terms, began_ms, watch);
                }
                return Ok(Turn {
                    lock: Some(lock),
                    since: None,
                });
            }
            Err(CatalogError::NotWritable { .. }) => {
                return Ok(Turn {
                    lock: None,
                    since: None,
                });
            }
            Err(error) => return Err(error.into()),
            Ok(ModelLockAttempt::Taken(status)) => status,
        };
        is_waiting = true;
        watch.during(Part::Waiting, || watch.check())?;
        if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            told = Some(Instant::now());
            watch.tell(EventKind::Waiting {
                holder: status.holder,
                progress: Progress {
                    done: status.done,
                    total: status.total,
                },
            });
        }
        std::thread::sleep(watch.time_left().map_or(pause, |left| left.min(pause)));
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// The turn of a call that waited.
fn take_over(
    lock: ModelLock,
    before: CatalogSnapshot,
    terms: &str,
    began_ms: u64,
    watch: &Watch<'_>,
) -> Result<Turn> {
    let failure = lock
        .failure_before()
        .filter(|failure| failure.terms == terms && failure.at_ms >= began_ms)
        .cloned();
    let Some(failure) = failure else {
        return Ok(Turn {
            lock: Some(lock),
            since: Some(before),
        });
    };
    lock.release_keeping_failure();
    Err(ProvisionError::FailedElsewhere {
        id: watch.id.to_string(),
        code: failure.code,
        detail: failure.detail,
        is_retryable: failure.is_retryable,
    })
}
