use std::time::{Duration, Instant};

use crate::digest::Digest;
use crate::entry::LifecycleState;
use crate::error::Result;
use crate::state::{ModelRecord, Proof, RootState};

/// The minimum number of models after which a scrub writes its proofs, and the time after which it
/// writes them in any case.
const MIN_COLLECTED: usize = 64;
const MAX_AGE: Duration = Duration::from_secs(60);

/// The proof of a verification, with the path and the digest that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recordable {
    local_path: String,
    digest: Option<Digest>,
    pub(super) proof: Proof,
}

impl Recordable {
    /// Creates a proof for the path and digest of a record.
    pub(super) fn new(record: &ModelRecord, proof: Proof) -> Self {
        Self {
            local_path: record.local_path.clone(),
            digest: record.digest.clone(),
            proof,
        }
    }

    /// Returns true if a record has the verified path and digest.
    pub(super) fn is_of(&self, record: &ModelRecord) -> bool {
        record.is_about(&self.local_path, self.digest.as_ref())
    }
}

/// The effect of a recorded verification on the lifecycle of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// The lifecycle stays as it is.
    Kept,
    /// The model turns Retired.
    Ended,
}

/// An attempt to verify a model, which is to be recorded.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) id: String,
    /// The proof, unless the model could not be verified.
    pub(super) found: Option<Recordable>,
    pub(super) service: Service,
}

/// Attempts that are recorded together.
#[derive(Debug)]
pub(super) struct Attempts {
    collected: Vec<Attempt>,
    /// The number of attempts that are enough for a write.
    enough: usize,
    /// The time when the first of the collected attempts was added.
    since: Instant,
}

impl Attempts {
    /// Creates an empty collection for this number of expected attempts. The time of a write is
    /// proportional to the size of the catalog, so at least a sixteenth of the attempts is recorded
    /// in one write. Then the total time of the writes of a scrub is also proportional to that
    /// size.
    pub(super) fn new(expected: usize) -> Self {
        Self {
            collected: Vec::new(),
            enough: MIN_COLLECTED.max(expected / 16),
            since: Instant::now(),
        }
    }

    /// Adds an attempt. Records all attempts if there are enough of them, if the first was added
    /// long ago, or if the new attempt is a failure.
    pub(super) fn add(&mut self, state: &RootState, attempt: Attempt) -> Result<()> {
        if self.collected.is_empty() {
            self.since = Instant::now();
        }
        let is_failure = attempt.service == Service::Ended
            || attempt
                .found
                .as_ref()
                .is_some_and(|found| found.proof.is_fail());
        self.collected.push(attempt);
        if is_failure || self.collected.len() >= self.enough || self.since.elapsed() >= MAX_AGE {
            return self.record(state);
        }
        Ok(())
    }

    /// Records all attempts in one write.
    pub(super) fn record(&mut self, state: &RootState) -> Result<()> {
        let collected = std::mem::take(&mut self.collected);
        if collected.is_empty() {
            return Ok(());
        }
        record(state, &collected)
    }
}

/// Records attempts in one write. If the store cannot be written now, a warning is logged, and a
/// later call verifies the models again.
pub(super) fn record(state: &RootState, attempts: &[Attempt]) -> Result<()> {
    let written = state.models.update(&state.limits, |edit| {
        let last = edit.iter().filter_map(|(_, record)| record.attempt).max();
        let mut number = last.unwrap_or(0);
        for attempt in attempts {
            let Some(now) = edit.get(&attempt.id) else {
                continue;
            };
            number = number.saturating_add(1);
            let mut changed = now.with_attempt(number);
            // The proof is dropped if another caller changed the path or the digest during the
            // verification.
            if let Some(found) = &attempt.found
                && found.is_of(now)
            {
                changed = changed.with_proof(&found.proof);
                if attempt.service == Service::Ended {
                    changed = changed.in_state(LifecycleState::Retired);
                }
            }
            edit.insert(&attempt.id, changed);
        }
        Ok(())
    });
    tolerate_refused_write(written)
}

/// Logs a warning if the store cannot be written now. Returns any other error.
pub(super) fn tolerate_refused_write(written: Result<()>) -> Result<()> {
    match written {
        Err(error) if error.is_refused_write() => {
            tracing::warn!(%error, code = error.code(), "a verification could not be recorded");
            Ok(())
        }
        written => written,
    }
}
