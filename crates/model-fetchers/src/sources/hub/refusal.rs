//! The meaning of a refusal of the hub.

use catalog_core::{CatalogError, FetchProblem, ModelRef};
use ureq::http::{HeaderMap, StatusCode};

use crate::net::Url;

/// The maximum number of characters of a message of the hub in an error.
const MAX_MESSAGE: usize = 300;

/// Turns refusals of the hub into errors. The origin of the hub and the token of a call decide the
/// error, and the part of the hub's text that the error shows.
pub(super) struct Refusals<'r> {
    pub(super) model_ref: &'r ModelRef,
    pub(super) endpoint: &'r Url,
    /// The value of the header `Authorization`.
    pub(super) authorization: Option<&'r str>,
}

impl Refusals<'_> {
    /// Returns the error that an answer means, if the answer is a refusal of the hub itself. A refusal
    /// of another host, to which the hub redirected, has no such meaning.
    pub(super) fn explain(
        &self,
        url: &Url,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Option<CatalogError> {
        let is_of_hub = url.origin() == self.endpoint.origin();
        is_of_hub
            .then(|| explain(self.model_ref, status, headers, self.authorization))
            .flatten()
    }
}

fn explain(
    mr: &ModelRef,
    status: StatusCode,
    headers: &HeaderMap,
    authorization: Option<&str>,
) -> Option<CatalogError> {
    let code = text(headers, "x-error-code");
    let message = text(headers, "x-error-message");
    let is_bad_token = message
        .as_deref()
        .is_some_and(|message| message.contains("Invalid credentials"));
    let problem = match (code.as_deref(), status.as_u16()) {
        _ if status.is_success() || status.is_redirection() => return None,
        (Some("GatedRepo"), _) => FetchProblem::AccessDenied,
        (_, 401) if is_bad_token => FetchProblem::AccessDenied,
        (Some("RepoNotFound"), _) => FetchProblem::NotFound,
        (Some("RevisionNotFound"), _) => FetchProblem::RevisionNotFound,
        (Some("EntryNotFound"), _) => FetchProblem::FileNotFound,
        _ => return None,
    };
    let repository = mr
        .as_hf()
        .map_or_else(String::new, |parts| format!("{}/{}", parts.org, parts.name));
    let (meaning, repair) = match problem {
        FetchProblem::AccessDenied if is_bad_token => (
            "the hub does not accept the token",
            "give a valid token, or no token for a public repository".to_owned(),
        ),
        FetchProblem::AccessDenied => (
            "the repository is gated",
            format!(
                "accept the terms on the page of {repository} at the hub, and give a token of that \
                 account, such as in HF_TOKEN"
            ),
        ),
        FetchProblem::NotFound => (
            "the hub has no such repository, or hides it from this account",
            "check the name; for a private repository, give a token that may read it, such as in \
             HF_TOKEN"
                .to_owned(),
        ),
        FetchProblem::RevisionNotFound => (
            "the repository has no such revision",
            "check the revision after `@`".to_owned(),
        ),
        other => ("the repository has no such file", other.repair().to_owned()),
    };
    // A gateway may repeat the token or a signed address.
    let token = authorization.map(|value| value.trim_start_matches("Bearer "));
    let is_shown = |message: &String| {
        !message.contains("://") && token.is_none_or(|token| !message.contains(token))
    };
    let said = message
        .filter(is_shown)
        .map_or_else(String::new, |message| {
            let short: String = message.chars().take(MAX_MESSAGE).collect();
            format!("; the hub says: {short}")
        });
    Some(CatalogError::Fetch {
        reference: mr.to_string(),
        problem,
        detail: format!("{meaning} (status {}){said}", status.as_u16()),
        repair: repair.into(),
    })
}

/// Returns a header as a text for people.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.chars().filter(|c| !c.is_control()).collect())
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderValue;

    use super::*;

    /// NET-201
    #[test]
    fn a_long_message_shows_no_part_of_the_token() {
        let mr = "hf:org/repo".parse().expect("it is a reference");
        let token = "hf_0123456789abcdef";
        let show = |message: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-error-code", HeaderValue::from_static("GatedRepo"));
            headers.insert("x-error-message", message.parse().expect("it is a header"));
            let authorization = format!("Bearer {token}");
            let status = StatusCode::UNAUTHORIZED;
            let error = explain(&mr, status, &headers, Some(&authorization));
            error.expect("it is a refusal").to_string()
        };
        let filler = "a".repeat(MAX_MESSAGE - 10);
        assert!(show(&filler).contains("the hub says: aaa"));
        let said = show(&format!("{filler}{token}"));
        assert!(!said.contains("hf_01"), "{said}");
    }
}
