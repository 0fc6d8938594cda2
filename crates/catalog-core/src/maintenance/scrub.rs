use crate::progress::Progress;
use std::time::{Duration, Instant};

use super::verify::verify;
use super::verify::{Verification, Verify};

use crate::error::{CatalogError, Result};
use crate::state::RootState;

/// How much a scrub does at most. It ends behind the model with which it reaches either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScrubBudget {
    /// Bytes to hash.
    pub bytes: u64,
    /// Time to take.
    pub time: Duration,
}

/// What a scrub came to.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ScrubReport {
    /// What was found, in the order in which it was looked at.
    pub verified: Vec<Verification>,
    /// Models that could not be looked at, and why.
    pub failed: Vec<(String, CatalogError)>,
    /// How many models were left for the next time.
    pub left: usize,
}

/// Verifies models by all their bytes: those first that never were, then those that were longest
/// ago. Ends when the budget is used up; the next call goes on where this one ended, in whatever
/// process. `progress` may stop it with [`CatalogError::Cancelled`]: what was verified by then is
/// logged.
///
/// # Errors
///
/// That, and those of the index and the log. A model that cannot be verified is no error but in
/// the report.
pub(crate) fn scrub(
    state: &RootState,
    budget: ScrubBudget,
    progress: &mut dyn FnMut(&str, Progress) -> Result<()>,
) -> Result<ScrubReport> {
    let begin = Instant::now();
    let mut queue = Vec::new();
    for (id, record) in state.models.snapshot()?.iter() {
        if record.digest.is_some() {
            let number = state
                .log
                .with_latest(id, |logged| logged.map_or(0, |logged| logged.number))?;
            queue.push((number, id.to_owned()));
        }
    }
    queue.sort_unstable();
    let mut report = ScrubReport::default();
    let mut hashed = 0_u64;
    let mut queue = queue.into_iter();
    while hashed < budget.bytes && begin.elapsed() < budget.time {
        let Some((_, id)) = queue.next() else { break };
        match verify(state, &id, Verify::Full, &mut |now| progress(&id, now)) {
            Ok(verification) => {
                hashed = hashed.saturating_add(verification.hashed);
                report.verified.push(verification);
            }
            Err(CatalogError::Cancelled) => return Err(CatalogError::Cancelled),
            Err(error) => report.failed.push((id, error)),
        }
    }
    report.left = queue.len();
    Ok(report)
}
