use super::percent;
use super::url::{UrlParts, check_url, split_url};

/// What is printed in place of a secret.
const REDACTED: &str = "REDACTED";

/// Parameters are secret whose name, without punctuation and in lower case, contains one of these …
const SECRET_WORDS: [&str; 15] = [
    "accesskey",
    "apikey",
    "assertion",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "hmac",
    "jwt",
    "password",
    "passwd",
    "secret",
    "session",
    "signature",
    "token",
];
/// … or ends with one of these …
const SECRET_ENDINGS: [&str; 4] = ["key", "keyid", "sig", "auth"];
/// … or is one of these.
const SECRET_NAMES: [&str; 6] = [
    "googleaccessid",
    "keypairid",
    "pass",
    "policy",
    "pwd",
    "sas",
];

/// Parameters that only frame a signature and change whenever a URL is signed again. They are no
/// secrets, but no part of what the URL names either.
const SIGNING_PREFIXES: [&str; 2] = ["x-amz-", "x-goog-"];
/// The same of URLs that carry `Signature` or, in Azure's shared access signatures, `sig`.
const SIGNING_NAMES: [&str; 20] = [
    "expires", "saoid", "scid", "sdd", "se", "si", "sip", "ske", "skoid", "sks", "skt", "sktid",
    "skv", "sp", "spr", "sr", "srt", "ss", "st", "suoid",
];
const AZURE_VERSION: &str = "sv";

/// The URL as it may be shown: secrets replaced, all else as it was given. Of a URL that is not
/// valid, where a secret could be anywhere, only the scheme is shown.
pub(super) fn redact_url(url: &str) -> String {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    match split_url(url) {
        Some(parts) if check_url(url).is_ok() => {
            let userinfo = parts.userinfo.map_or("", |_| "REDACTED@");
            let mut text = format!("{scheme}://{userinfo}{}{}", parts.host, parts.path);
            for (delimiter, parameters) in [('?', parts.query), ('#', parts.fragment)] {
                if let Some(parameters) = parameters {
                    text.push(delimiter);
                    text.push_str(&redact_parameters(parameters));
                }
            }
            text
        }
        _ => {
            let known = super::url::scheme_of(url).map_or("url", |scheme| scheme.name());
            format!("{known}://[invalid]")
        }
    }
}

/// The query of a URL as far as it names a thing: without secrets and what frames them.
pub(super) fn query_without_secrets(parts: &UrlParts<'_>) -> Option<String> {
    let parameters: Vec<Parameter<'_>> = parameters_of(parts.query?).collect();
    let is_signed = parameters
        .iter()
        .any(|parameter| matches!(parameter.name().as_str(), "signature" | "sig"));
    let mut kept = String::new();
    for parameter in &parameters {
        let name = parameter.name();
        let frames = SIGNING_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
            || is_signed && (name == AZURE_VERSION || SIGNING_NAMES.contains(&name.as_str()));
        if parameter.is_secret() || frames {
            continue;
        }
        if !kept.is_empty() {
            kept.push(parameter.separator.unwrap_or('&'));
        }
        kept.push_str(parameter.text);
    }
    (!kept.is_empty()).then_some(kept)
}

/// A query or fragment with the values of its secret parameters replaced.
pub(super) fn redact_parameters(text: &str) -> String {
    let mut redacted = String::with_capacity(text.len());
    for parameter in parameters_of(text) {
        redacted.extend(parameter.separator);
        match parameter.text.split_once('=') {
            Some((name, value)) if !value.is_empty() && parameter.is_secret() => {
                redacted.push_str(name);
                redacted.push('=');
                redacted.push_str(REDACTED);
            }
            _ => redacted.push_str(parameter.text),
        }
    }
    redacted
}

/// One `name=value` of a query, with the `&` or `;` before it.
struct Parameter<'q> {
    separator: Option<char>,
    text: &'q str,
}

fn parameters_of(query: &str) -> impl Iterator<Item = Parameter<'_>> {
    let mut rest = Some((None, query));
    std::iter::from_fn(move || {
        let (separator, text) = rest.take()?;
        let end = text.find(['&', ';']);
        if let Some(end) = end {
            rest = Some((text[end..].chars().next(), &text[end + 1..]));
        }
        Some(Parameter {
            separator,
            text: &text[..end.unwrap_or(text.len())],
        })
    })
}

impl Parameter<'_> {
    /// The decoded name in lower case.
    fn name(&self) -> String {
        let name = self
            .text
            .split_once('=')
            .map_or(self.text, |(name, _)| name);
        percent::decode(name)
            .unwrap_or_else(|_| name.to_owned())
            .to_ascii_lowercase()
    }

    fn is_secret(&self) -> bool {
        let name: String = self
            .name()
            .chars()
            .filter(|c| c.is_alphanumeric())
            .collect();
        SECRET_NAMES.contains(&name.as_str())
            || SECRET_WORDS.iter().any(|word| name.contains(word))
            || SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
            || self.holds_url_with_secrets()
    }

    /// Whether the value is itself a URL, as of a proxy, that would not be shown as it is.
    fn holds_url_with_secrets(&self) -> bool {
        let value = self.text.split_once('=').map_or("", |(_, value)| value);
        match percent::decode(value) {
            Ok(inner) if split_url(&inner).is_some() => redact_url(&inner) != inner,
            _ => false,
        }
    }
}
