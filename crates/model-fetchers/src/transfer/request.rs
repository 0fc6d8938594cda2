//! A request for a file or a part, and the check of its answer.

use ureq::http::header::{IF_RANGE, RANGE};
use ureq::http::{HeaderName, HeaderValue};

use super::check::{Verdict, Version, check};
use super::engine::Engine;
use super::range::ByteRange;
use super::state::Failure;
use super::trouble::Trouble;
use crate::net::{Answer, Ask, Url, first_text};

impl<'e> Engine<'e> {
    pub(super) fn get(
        &self,
        ask: &Ask,
        range: Option<ByteRange>,
        version: Option<&Version>,
    ) -> std::result::Result<(Answer, Verdict), Trouble> {
        let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
        if let Some(range) = range {
            headers.push((RANGE, range.header()));
            let tag = version.and_then(|version| version.strong_etag.as_deref());
            let tag = tag.and_then(|tag| HeaderValue::from_str(tag).ok());
            headers.extend(tag.map(|tag| (IF_RANGE, tag)));
        }
        // A head counts as no bytes, so that slow answers lower the rate.
        let asking = || (self.client.get(ask, &headers), 0);
        let mut answer = self.traffic.measure(asking)?;
        if let Some(refusal) = (self.explain)(&answer) {
            return Err(Trouble::Fatal(Failure::Error(refusal)));
        }
        match check(answer.status, &answer.headers, range, version) {
            Verdict::Later(after, problem, detail) => Err(Trouble::Later(after, problem, detail)),
            Verdict::Changed(what) => Err(Trouble::Changed(what)),
            Verdict::Denied(status) => {
                let text = first_text(&mut answer.body);
                Err(Trouble::Denied(status, shown(text, ask, &answer.url)))
            }
            Verdict::Fail(problem, detail) => {
                let detail = format!("{}: {detail}", answer.url.origin().host);
                Err(Trouble::Fatal(Failure::Error(self.error(problem, detail))))
            }
            verdict => Ok((answer, verdict)),
        }
    }
}

/// Returns the text of a server for an error message. The text is left out if the request had a
/// secret, because it may repeat a part of the secret in another form.
fn shown(text: String, ask: &Ask, url: &Url) -> String {
    let has_query = url.as_secret_str().contains('?');
    match (has_query, &ask.authorization) {
        (false, None) => text,
        (true, _) => {
            "the text of the server is not shown, because the URL may be signed".to_owned()
        }
        (false, Some(_)) => {
            "the text of the server is not shown, because the request had credentials".to_owned()
        }
    }
}
