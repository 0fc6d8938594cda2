//! Secrets in URLs. They are hidden when a URL is shown, and excluded from its id.

use super::check_url::check_url;
use super::percent;
use super::secret::{AMBIGUOUS_WORDS, HASH, HASH_LEN, Parameter, SECRET_WORDS, holds_secret};
use super::url::split_url;
use crate::digest::Hasher;

/// The text that is printed in place of a secret.
pub(super) const REDACTED: &str = "REDACTED";

/// Prefixes of query parameters that belong to a signature and change each time a URL is signed.
/// They are not secrets, and they are not part of the name of the model either.
const SIGNING_PREFIXES: [&str; 2] = ["x-amz-", "x-goog-"];
/// Query parameters of the same kind, in URLs that have `Signature` or, in the shared access
/// signatures of Azure, `sig`.
const SIGNING_NAMES: [&str; 22] = [
    "expires", "policy", "saoid", "scid", "sdd", "se", "si", "sip", "ske", "skoid", "sks", "skt",
    "sktid", "skv", "sp", "spr", "sr", "srt", "ss", "st", "suoid", "sv",
];

/// Returns a URL for people: secrets are replaced, and the rest is unchanged. In an invalid URL, a
/// secret could be anywhere, so only its scheme is returned.
pub(super) fn redact_url(url: &str) -> String {
    match split_url(url) {
        Some(parts) if check_url(url).is_ok() => {
            let scheme = parts.scheme_text;
            let userinfo = parts.userinfo.map_or("", |_| "REDACTED@");
            let path = map_path(parts.path, "REDACTED@", redact_segment);
            let mut text = format!("{scheme}://{userinfo}{}{path}", parts.host);
            for (delimiter, parameters) in [('?', parts.query), ('#', parts.fragment)] {
                if let Some(parameters) = parameters {
                    let shown: Vec<String> = parameters.split('&').map(redact_segment).collect();
                    text.push(delimiter);
                    text.push_str(&shown.join("&"));
                }
            }
            text
        }
        Some(parts) => format!("{}://[invalid]", parts.scheme_text.to_ascii_lowercase()),
        None => "url://[invalid]".to_owned(),
    }
}

/// Returns an id for people. The text is redacted if it is a URL that the caller did not convert to
/// an id.
pub(crate) fn shown_id(id: &str) -> String {
    match split_url(id) {
        Some(_) if check_url(id).is_ok() => redact_url(id),
        // No release creates such an id, so the caller passed a URL.
        Some(parts) if parts.userinfo.is_some() || holds_secret(id) => redact_url(id),
        _ => id.to_owned(),
    }
}

/// Returns the query of a URL without its secrets and without the parameters of a signature.
/// Returns `None` if nothing is left.
pub(super) fn query_without_secrets(query: &str) -> Option<String> {
    let is_signed = query
        .split('&')
        .any(|segment| matches!(Parameter(segment).name().as_str(), "signature" | "sig"));
    let kept: Vec<String> = query
        .split('&')
        .filter_map(|segment| {
            let name = Parameter(segment).name();
            let frames = SIGNING_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix))
                || is_signed && SIGNING_NAMES.contains(&name.as_str());
            (!frames)
                .then(|| segment_without_secrets(segment))
                .flatten()
        })
        .collect();
    let is_nothing_left =
        kept.len() < query.split('&').count() && kept.iter().all(String::is_empty);
    (!is_nothing_left).then(|| kept.join("&"))
}

/// Returns the path of a URL without its secrets. A segment of a path can have parameters.
pub(super) fn path_without_secrets(path: &str) -> String {
    map_path(path, "", |part| {
        segment_without_secrets(part).unwrap_or_default()
    })
}

/// Changes each segment of a path. Replaces a user name and password with `userinfo` in a segment
/// that follows `//`, as in the path of a proxy.
fn map_path(path: &str, userinfo: &str, change: impl Fn(&str) -> String) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let changed = parts.iter().enumerate().map(|(number, part)| {
        let is_authority = number > 1 && parts[number - 1].is_empty();
        match part.rsplit_once('@') {
            Some((_, rest)) if is_authority => format!("{userinfo}{}", change(rest)),
            _ => change(part),
        }
    });
    changed.collect::<Vec<_>>().join("/")
}

/// Hides the value of a secret, and everything after it up to the next `&` or `/`. A `;` may
/// separate parameters or be part of the secret, so it does not end the secret.
fn redact_segment(segment: &str) -> String {
    let is_secret = |piece: Parameter<'_>| {
        piece.is_secret(SECRET_WORDS.as_slice()) || piece.is_secret(AMBIGUOUS_WORDS.as_slice())
    };
    match first_piece(segment, is_secret) {
        Some((before, Parameter(piece))) => {
            let name = piece.split_once('=').map_or("", |(name, _)| name);
            format!("{before}{name}={REDACTED}")
        }
        None => segment.to_owned(),
    }
}

/// Removes a secret and everything after it. Replaces a value that may be a secret with its hash.
/// Returns `None` if nothing is left.
fn segment_without_secrets(segment: &str) -> Option<String> {
    let is_secret = |piece: Parameter<'_>| piece.is_secret(SECRET_WORDS.as_slice());
    if let Some((before, _)) = first_piece(segment, is_secret) {
        let before = before.trim_end_matches(';');
        return (!before.is_empty()).then(|| before.to_owned());
    }
    let may_be = |piece: Parameter<'_>| piece.is_secret(AMBIGUOUS_WORDS.as_slice());
    match first_piece(segment, may_be) {
        Some((before, Parameter(piece))) => {
            let rest = &segment[before.len()..];
            let name = piece.split_once('=').map_or("", |(name, _)| name);
            let mut hasher = Hasher::new();
            hasher.update(percent::normalise(rest).as_bytes());
            let hash = &hasher.finish().value[..HASH_LEN];
            Some(format!("{before}{name}={HASH}{hash}"))
        }
        None => Some(segment.to_owned()),
    }
}

/// Returns the first of the pieces between `;` for which `is_so` returns true, and the text before
/// it.
fn first_piece<'s>(
    segment: &'s str,
    is_so: impl Fn(Parameter<'_>) -> bool,
) -> Option<(&'s str, Parameter<'s>)> {
    let mut begin = 0;
    for piece in segment.split(';') {
        if is_so(Parameter(piece)) {
            return Some((&segment[..begin], Parameter(piece)));
        }
        begin += piece.len() + 1;
    }
    None
}
