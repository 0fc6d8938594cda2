//! The reasons why a request did not deliver its bytes, and the pause before the next attempt.

use std::time::{Duration, Instant};

use catalog_core::{CatalogError, FetchProblem};

use super::engine::Engine;
use super::state::{Attempts, Failure};
use crate::net::{MAX_PAUSE, NetError, note_pause, pause};

/// The number of bytes after which the failed attempts of a file no longer count.
const PROGRESS: u64 = 1 << 20;

/// The reason why a request did not deliver its bytes.
pub(super) enum Trouble {
    Net(NetError),
    Later(Option<Duration>, FetchProblem, String),
    Changed(String),
    Denied(u16, String),
    /// Another part of the file must be asked for before the rest of this part can be hashed.
    GivesWay,
    Fatal(Failure),
}

impl Trouble {
    pub(super) fn detail(&self) -> String {
        match self {
            Self::Net(error) => error.to_string(),
            Self::Later(_, _, detail) | Self::Changed(detail) | Self::Denied(_, detail) => {
                detail.clone()
            }
            Self::GivesWay => "another part comes first".to_owned(),
            Self::Fatal(failure) => format!("{failure:?}"),
        }
    }
}

impl From<NetError> for Trouble {
    fn from(error: NetError) -> Self {
        Self::Net(error)
    }
}

impl From<CatalogError> for Trouble {
    fn from(error: CatalogError) -> Self {
        Self::Fatal(Failure::Error(error))
    }
}

impl<'e> Engine<'e> {
    /// Returns the pause before the next attempt, or the failure if there is none.
    pub(super) fn pause_after(
        &self,
        trouble: Trouble,
        attempts: &mut Attempts,
        is_resolved_again: &mut bool,
    ) -> std::result::Result<Duration, Failure> {
        let error = |problem, detail| Failure::Error(self.error(problem, detail));
        let (after, problem, detail) = match trouble {
            Trouble::Net(found) if found.is_transient() => {
                (None, FetchProblem::Unreachable, found.to_string())
            }
            Trouble::Net(found) => {
                return Err(Failure::Error(found.for_model(self.model_ref)));
            }
            Trouble::Later(after, problem, detail) => (after, problem, detail),
            // A part of the first answer cannot have changed.
            Trouble::Changed(what) => return Err(error(FetchProblem::SourceChanged, what)),
            Trouble::Denied(_, _) if !*is_resolved_again => {
                *is_resolved_again = true;
                return Ok(Duration::ZERO);
            }
            Trouble::Denied(status, detail) => {
                let detail = format!("the server refuses the request (status {status}): {detail}");
                return Err(error(FetchProblem::AccessDenied, detail));
            }
            // Only a part that waits for the hash gives way, and such a part did not fail.
            Trouble::GivesWay => return Ok(Duration::ZERO),
            Trouble::Fatal(failure) => return Err(failure),
        };
        if attempts.progress >= PROGRESS {
            attempts.failed = 0;
        }
        attempts.progress = 0;
        let config = self.client.config();
        if attempts.failed >= config.retries {
            let detail = format!("{detail}, after {} attempts", attempts.failed + 1);
            return Err(error(problem, detail));
        }
        if let Some(after) = after.filter(|after| *after > MAX_PAUSE) {
            let detail = format!("{detail}, and asks to wait for {} s", after.as_secs());
            return Err(error(problem, detail));
        }
        let pause = pause(&config.times, attempts.failed, after);
        attempts.failed += 1;
        note_pause(&detail, pause);
        let end = self.limits.deadline();
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        Ok(left.map_or(pause, |left| left.min(pause)))
    }

    /// Sleeps, and returns false if the transfer ended meanwhile.
    pub(super) fn sleep(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut state = self.lock();
        while !state.is_over() {
            if Instant::now() >= end {
                return true;
            }
            state = self.wait(state);
        }
        false
    }

    pub(super) fn error(&self, problem: FetchProblem, detail: String) -> CatalogError {
        CatalogError::fetch(self.model_ref, problem, detail)
    }
}
