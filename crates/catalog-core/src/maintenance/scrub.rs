use std::time::{Duration, Instant};

use super::recording::{Attempt, Attempts, Service};
use super::skipped::Skipped;
use super::verification::Verification;
use super::verify::examine;
use crate::error::{CatalogError, Result};
use crate::progress::Progress;
use crate::state::RootState;

/// The limits of a scrub. The scrub ends after the model at which it reaches one of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScrubBudget {
    /// The maximum number of bytes to hash.
    pub bytes: u64,
    /// The maximum time to take.
    pub time: Duration,
}

impl ScrubBudget {
    /// Creates the limits of a scrub.
    pub const fn new(bytes: u64, time: Duration) -> Self {
        Self { bytes, time }
    }
}

/// The result of a scrub.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ScrubReport {
    /// The verifications, in order.
    pub verified: Vec<Verification>,
    /// The models that could not be verified, with the errors.
    pub failed: Vec<Skipped<String, CatalogError>>,
    /// The number of models that were left for the next call.
    pub left: usize,
}

/// Verifies models by hashing all their bytes, and begins with the model whose last attempt is the
/// oldest. The call ends when the budget is used up. The next call, by any process, continues from
/// there. If `progress` fails, the call stops, and the results so far are recorded.
///
/// Successful verifications of several models are recorded in one write. A failure is recorded at
/// once.
///
/// # Errors
///
/// The error of `progress`, [`CatalogError::Cancelled`] or [`CatalogError::DeadlineExceeded`] if the
/// limits of the handle end the call, and the errors of reading and writing the index. A model that
/// cannot be verified for any other reason is listed in the report, and the call continues.
pub(crate) fn scrub(
    state: &RootState,
    budget: ScrubBudget,
    progress: &mut dyn FnMut(&str, Progress) -> Result<()>,
) -> Result<ScrubReport> {
    let begin = Instant::now();
    let mut report = ScrubReport::default();
    let mut hashed = 0_u64;
    let mut queue = queue(state)?.into_iter();
    let mut attempts = Attempts::new(queue.len());
    while hashed < budget.bytes && begin.elapsed() < budget.time {
        let Some(id) = queue.next() else { break };
        let mut is_stopped = false;
        let mut advance = |now| {
            let outcome = progress(&id, now);
            is_stopped |= outcome.is_err();
            outcome
        };
        let found = match state.models.snapshot()?.get(&id).cloned() {
            Some(record) => examine(
                state,
                &id,
                &record,
                record.digest.as_ref(),
                &mut attempts,
                &mut advance,
            ),
            None => Err(state.no_such_model(&id)),
        };
        match found {
            Ok(verification) => {
                hashed = hashed.saturating_add(verification.hashed);
                report.verified.push(verification);
            }
            Err(error) if is_stopped || is_end_of_call(&error) => {
                attempts.record(state)?;
                return Err(error);
            }
            Err(error) => {
                let attempt = Attempt {
                    id: id.clone(),
                    found: None,
                    service: Service::Kept,
                };
                attempts.add(state, attempt)?;
                report.failed.push(Skipped::new(id, error));
            }
        }
    }
    attempts.record(state)?;
    report.left = queue.len();
    Ok(report)
}

/// Returns the models that have a digest, in the order of their last attempts.
fn queue(state: &RootState) -> Result<Vec<String>> {
    let snapshot = state.models.snapshot()?;
    let with_digest = snapshot
        .iter()
        .filter(|(_, record)| record.digest.is_some());
    let mut queue: Vec<(u64, &str)> = with_digest
        .map(|(id, record)| (record.attempt.unwrap_or(0), id))
        .collect();
    queue.sort_unstable();
    Ok(queue.into_iter().map(|(_, id)| id.to_owned()).collect())
}

fn is_end_of_call(error: &CatalogError) -> bool {
    matches!(
        error,
        CatalogError::Cancelled | CatalogError::DeadlineExceeded { .. }
    )
}
