//! One part of a file: its request, and the step after a failure.

use std::time::Instant;

use super::check::Verdict;
use super::engine::Engine;
use super::range::ByteRange;
use super::state::{Attempts, Restart};
use super::trouble::Trouble;
use crate::net::{Answer, NetError};

/// The step after a part that failed.
enum AfterPart {
    /// The file starts again.
    Anew(Restart),
    /// The rest of the part is asked for later. The part did not fail.
    Later(ByteRange),
    /// The rest of the part is asked for again.
    Again {
        rest: ByteRange,
        attempts: Attempts,
        is_resolved_again: bool,
    },
}

impl<'e> Engine<'e> {
    /// Reads the first part of a file, unless an earlier call has these bytes.
    pub(super) fn take_first(&self, number: usize, range: ByteRange, answer: Answer) {
        let mut state = self.lock();
        let Some(file) = state.active.get_mut(&number) else {
            return;
        };
        if file.kept > range.begin {
            file.in_flight -= 1;
            drop(state);
            self.changed.notify_all();
            return;
        }
        drop(state);
        self.end_part(number, range, |place| {
            self.read_body(number, range, answer, place)
        });
    }

    /// Asks for a part of a file, and reads it.
    pub(super) fn fetch_part(&self, number: usize, range: ByteRange) {
        let state = self.lock();
        let Some(file) = state.active.get(&number) else {
            return;
        };
        let (ask, version) = (file.ask.clone(), file.version.clone());
        drop(state);
        self.end_part(number, range, |place| {
            match self.get(&ask, Some(range), Some(&version))? {
                (answer, Verdict::Part(found, _)) if found == range => {
                    self.read_body(number, range, answer, place)
                }
                (_, Verdict::Whole(_)) => Err(Trouble::Changed(
                    "the server no longer sends parts".to_owned(),
                )),
                (_, verdict) => Err(Trouble::Changed(format!(
                    "the part {range} became {verdict:?}"
                ))),
            }
        });
    }

    /// Fetches a part. If the part fails, decides whether its rest is asked for again. `fetch` gets
    /// the place up to which the bytes have arrived, and moves it.
    fn end_part(
        &self,
        number: usize,
        range: ByteRange,
        fetch: impl FnOnce(&mut u64) -> std::result::Result<(), Trouble>,
    ) {
        let mut place = range.begin;
        let asked = Instant::now();
        let outcome = fetch(&mut place);
        let is_done = outcome.is_ok();
        let next = match outcome {
            Ok(()) | Err(Trouble::Net(NetError::Stopped)) => None,
            Err(Trouble::Changed(what)) => Some(AfterPart::Anew(Restart::Changed(what))),
            Err(Trouble::GivesWay) => Some(AfterPart::Later(ByteRange {
                begin: place,
                end: range.end,
            })),
            Err(trouble) => self.after_trouble(number, (asked, range, place), trouble),
        };
        let mut state = self.lock();
        if let Some(file) = state.active.get_mut(&number) {
            file.in_flight -= 1;
            if is_done && file.resolved_at.is_none_or(|at| asked >= at) {
                file.is_resolved_again = false;
            }
            match next {
                None => {}
                Some(AfterPart::Anew(restart)) => file.restart = Some(restart),
                Some(AfterPart::Later(rest)) => file.again.push(rest),
                Some(AfterPart::Again {
                    rest,
                    attempts,
                    is_resolved_again,
                }) => {
                    file.attempts = attempts;
                    if is_resolved_again && !file.is_resolved_again {
                        file.is_resolved_again = true;
                        file.resolved_at = Some(Instant::now());
                        file.ask = self.files[number].ask.clone();
                    }
                    file.again.push(rest);
                }
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Decides what follows a part that failed. Returns `None` if the transfer fails.
    fn after_trouble(
        &self,
        number: usize,
        (asked, range, place): (Instant, ByteRange, u64),
        trouble: Trouble,
    ) -> Option<AfterPart> {
        let rest = ByteRange {
            begin: place,
            end: range.end,
        };
        let state = self.lock();
        let file = state.active.get(&number)?;
        let (mut attempts, mut is_resolved_again) = (file.attempts, file.is_resolved_again);
        // A body without ranges cannot be continued.
        let is_whole = range.end == u64::MAX || file.is_whole;
        let has_counted = file.attempts.failed_at.is_some_and(|at| asked < at);
        let is_old = file.resolved_at.is_some_and(|at| asked < at);
        drop(state);
        let is_told_already = match &trouble {
            Trouble::Net(error) => error.is_transient() && has_counted,
            Trouble::Later(..) => has_counted,
            Trouble::Denied(..) => is_old,
            _ => false,
        };
        if is_told_already && !is_whole {
            return Some(AfterPart::Later(rest));
        }
        let detail = trouble.detail();
        match self.pause_after(trouble, &mut attempts, &mut is_resolved_again) {
            Ok(pause) if is_whole => {
                let goes_on = self.sleep(pause);
                goes_on.then_some(AfterPart::Anew(Restart::Interrupted(detail)))
            }
            Ok(pause) => {
                let now = Instant::now();
                attempts.not_before = Some(now + pause);
                attempts.failed_at = Some(now);
                Some(AfterPart::Again {
                    rest,
                    attempts,
                    is_resolved_again,
                })
            }
            Err(failure) => {
                self.fail(failure);
                None
            }
        }
    }
}
