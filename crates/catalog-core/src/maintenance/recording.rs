use std::time::{Duration, Instant};

use crate::digest::Digest;
use crate::entry::LifecycleState;
use crate::error::Result;
use crate::state::{ModelRecord, Proof, RootState};

/// The least number of models, and the time, after which a scrub writes its proofs.
const MIN_COLLECTED: usize = 64;
const MAX_AGE: Duration = Duration::from_secs(60);

/// The proof of a verification, with its path and digest.
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

/// One attempt to verify a model, to be recorded.
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
    /// When the first of them was added.
    since: Instant,
}

impl Attempts {
    /// Expects this number of attempts. Each write costs time proportional to the catalog, so that a
    /// sixteenth of them is written at once: the writes of a scrub grow as the catalog does.
    pub(super) fn new(expected: usize) -> Self {
        Self {
            collected: Vec::new(),
            enough: MIN_COLLECTED.max(expected / 16),
            since: Instant::now(),
        }
    }

    /// Adds an attempt, and records all if there are enough of them, if the first was long ago, or at
    /// once for a failure.
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

    /// Records all of them in one write.
    pub(super) fn record(&mut self, state: &RootState) -> Result<()> {
        let collected = std::mem::take(&mut self.collected);
        if collected.is_empty() {
            return Ok(());
        }
        record(state, &collected)
    }
}

/// Records attempts in one write. Best effort: where nothing can be written now, that is logged and
/// the models are verified once more.
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
            // Unless somebody gave the entry other content meanwhile.
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

/// Logs that nothing can be written now; returns any other error.
pub(super) fn tolerate_refused_write(written: Result<()>) -> Result<()> {
    match written {
        Err(error) if error.is_refused_write() => {
            tracing::warn!(%error, code = error.code(), "a verification could not be recorded");
            Ok(())
        }
        written => written,
    }
}
