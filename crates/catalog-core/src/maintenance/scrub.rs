use std::time::{Duration, Instant};

use super::recording::{Attempt, Attempts, Service};
use super::skipped::Skipped;
use super::verification::Verification;
use super::verify::examine;
use crate::error::{CatalogError, Result};
use crate::progress::Progress;
use crate::state::RootState;

/// The limits of a scrub. It ends after the model with which it reaches one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScrubBudget {
    /// The number of bytes to hash.
    pub bytes: u64,
    /// The time to take.
    pub time: Duration,
}

impl ScrubBudget {
    /// Creates the limits of a scrub: a number of bytes to hash, and a time.
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
    /// The models that could not be verified, with the reason.
    pub failed: Vec<Skipped<String, CatalogError>>,
    /// The number of models that were left for the next call.
    pub left: usize,
}

/// Verifies models by all their bytes, beginning with those whose last attempt is longest ago. Ends
/// when the budget is used up; the next call of any process continues there. `progress` may stop it
/// with [`CatalogError::Cancelled`]: the results so far are recorded.
///
/// It records passes of several models in one write, and a failure at once.
///
/// # Errors
///
/// [`CatalogError::Cancelled`], the error of `progress`, and the errors of the index. A model that
/// cannot be verified is an error in the report only.
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
        let found = match state.models.snapshot()?.get(&id).cloned() {
            Some(record) => examine(
                state,
                &id,
                &record,
                record.digest.as_ref(),
                &mut attempts,
                &mut |now| progress(&id, now),
            ),
            None => Err(state.no_such_model(&id)),
        };
        match found {
            Ok(verification) => {
                hashed = hashed.saturating_add(verification.hashed);
                report.verified.push(verification);
            }
            Err(error @ (CatalogError::Cancelled | CatalogError::DeadlineExceeded { .. })) => {
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

/// Returns the models with an expected digest, in the order of their last attempts.
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
