//! Requests to the hub that return JSON.

use std::io::Read;
use std::time::{Duration, Instant};

use catalog_core::{CatalogError, FetchProblem, FetchTask, Progress, Result};
use serde::de::DeserializeOwned;
use ureq::http::HeaderMap;

use super::refusal::Refusals;
use crate::net::{Answer, Ask, Client, MAX_PAUSE, NetError, Url, note_pause, pause, within};
use crate::transfer::{Verdict, check};

/// The maximum size of an answer, in bytes.
const MAX_ANSWER: u64 = 16 << 20;

/// The number of bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// The time between two looks of a call that pauses.
const LOOK: Duration = Duration::from_millis(20);

/// The function that a call tells its progress. An error of the function ends the call.
pub(super) type Report<'r> = dyn FnMut(Progress) -> Result<()> + 'r;

/// The hub, for one call.
pub(super) struct Api<'a> {
    pub(super) client: &'a Client<'a>,
    pub(super) task: &'a FetchTask<'a>,
    /// The value of the header `Authorization`. It goes to the origin of the endpoint only.
    pub(super) authorization: Option<String>,
    pub(super) endpoint: Url,
}

/// An answer of the hub.
pub(super) struct Page<T> {
    pub(super) value: T,
    /// The URL that gave the answer, after all redirects.
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// The size of the answer, in bytes.
    pub(super) size: u64,
}

/// The result of a request that did not fail for good.
enum Attempt {
    Done(Url, HeaderMap, Vec<u8>),
    /// The request may succeed later: the pause for which the server asks, and the reason.
    Later(Option<Duration>, FetchProblem, String),
}

impl Api<'_> {
    /// Asks for a JSON value. Repeats a request that failed for a moment.
    pub(super) fn get<T: DeserializeOwned>(
        &self,
        url: &Url,
        report: &mut Report<'_>,
    ) -> Result<Page<T>> {
        let mut failed = 0;
        loop {
            report(Progress::default())?;
            let (after, problem, detail) = match self.attempt(url)? {
                Attempt::Done(url, headers, body) => {
                    let value = serde_json::from_slice(&body).map_err(|error| {
                        // The text of the error may repeat a part of the answer.
                        let detail = format!(
                            "an answer of {} is no JSON of the hub, at line {} and column {}",
                            url.origin(),
                            error.line(),
                            error.column()
                        );
                        self.error(FetchProblem::Refused, detail)
                    })?;
                    let size = body.len() as u64;
                    return Ok(Page {
                        value,
                        url,
                        headers,
                        size,
                    });
                }
                Attempt::Later(after, problem, detail) => (after, problem, detail),
            };
            let config = self.client.config();
            if failed >= config.retries {
                let detail = format!("{detail}, after {} attempts", failed + 1);
                return Err(self.error(problem, detail));
            }
            let time = pause(&config.times, failed, after);
            let is_too_late = |end: Instant| Instant::now() + time >= end;
            if time > MAX_PAUSE || self.task.limits.deadline().is_some_and(is_too_late) {
                let detail = format!(
                    "{detail}, and the next attempt is due in {} s",
                    time.as_secs()
                );
                return Err(self.error(problem, detail));
            }
            failed += 1;
            note_pause(&detail, time);
            self.sleep(time, report)?;
        }
    }

    fn attempt(&self, url: &Url) -> Result<Attempt> {
        let ask = Ask {
            url: url.clone(),
            authorization: self.authorization.clone(),
        };
        let client = self.client;
        let request = || {
            let mut answer = client.get(&ask, &[])?;
            let mut body = Vec::new();
            if answer.status.is_success() {
                read_to_end(client, &mut answer, &mut body)?;
            }
            Ok((answer.status, answer.headers, answer.url, body))
        };
        let (status, headers, url, body) = match within(self.client, self.task.limits, request)? {
            Ok(answer) => answer,
            Err(error) if error.is_transient() => {
                return Ok(Attempt::Later(
                    None,
                    FetchProblem::Unreachable,
                    error.to_string(),
                ));
            }
            Err(error) => return Err(self.refusal(&error)),
        };
        if let Some(refusal) = self.refusals().explain(&url, status, &headers) {
            return Err(refusal);
        }
        match check(status, &headers, None, None) {
            Verdict::Whole(version) => {
                let size = body.len() as u64;
                if size > MAX_ANSWER {
                    let detail = format!(
                        "an answer of {} has more than {MAX_ANSWER} bytes",
                        url.origin()
                    );
                    return Err(self.error(FetchProblem::Refused, detail));
                }
                if version.size.is_some_and(|stated| stated != size) {
                    let detail = format!("an answer of {} ended early", url.origin());
                    return Ok(Attempt::Later(None, FetchProblem::Unreachable, detail));
                }
                Ok(Attempt::Done(url, headers, body))
            }
            Verdict::Later(after, problem, detail) => Ok(Attempt::Later(after, problem, detail)),
            Verdict::Denied(status) => {
                let detail = format!("{} refuses the request (status {status})", url.origin());
                Err(self.error(FetchProblem::AccessDenied, detail))
            }
            Verdict::Fail(problem, detail) => {
                Err(self.error(problem, format!("{}: {detail}", url.origin())))
            }
            verdict => {
                let detail = format!(
                    "{} answers a request for a list with {verdict:?}",
                    url.origin()
                );
                Err(self.error(FetchProblem::Refused, detail))
            }
        }
    }

    /// Returns the meaning of refusals of the hub.
    pub(super) fn refusals(&self) -> Refusals<'_> {
        Refusals {
            model_ref: self.task.model_ref,
            endpoint: &self.endpoint,
            authorization: self.authorization.as_deref(),
        }
    }

    fn refusal(&self, error: &NetError) -> CatalogError {
        error.for_model(self.task.model_ref)
    }

    pub(super) fn error(&self, problem: FetchProblem, detail: String) -> CatalogError {
        CatalogError::fetch(self.task.model_ref, problem, detail)
    }

    fn sleep(&self, time: Duration, report: &mut Report<'_>) -> Result<()> {
        let end = Instant::now() + time;
        loop {
            self.task.limits.check("waiting for the hub")?;
            report(Progress::default())?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK));
        }
    }
}

/// Reads the body of an answer, up to one byte more than an answer may have.
fn read_to_end(
    client: &Client<'_>,
    answer: &mut Answer,
    body: &mut Vec<u8>,
) -> std::result::Result<(), NetError> {
    let mut chunk = vec![0; CHUNK];
    while body.len() as u64 <= MAX_ANSWER {
        let read = answer.body.read(&mut chunk);
        let read = read.map_err(|error| client.broken(error, &answer.url))?;
        if read == 0 {
            return Ok(());
        }
        body.extend_from_slice(&chunk[..read]);
    }
    Ok(())
}
