//! Secrets in URLs: hides them when a URL is shown, and leaves them out of its id.

use super::percent;
use super::url::{check_url, scheme_of, split_url};
use crate::digest::Hasher;

/// The text that is printed in place of a secret.
pub(super) const REDACTED: &str = "REDACTED";

/// A parameter is secret if one of these is among the words of its name, or is all of them
/// together: `X-Amz-Signature`, `accessToken`, `api_key`, but not `tokenizer`.
const SECRET_WORDS: [&str; 37] = [
    "accesskey",
    "accesskeyid",
    "apikey",
    "assertion",
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "cred",
    "credential",
    "credentials",
    "creds",
    "googleaccessid",
    "hdnts",
    "hmac",
    "jsessionid",
    "jwt",
    "keypairid",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "phpsessid",
    "privatekey",
    "pw",
    "pwd",
    "sas",
    "secret",
    "secretkey",
    "secrets",
    "sessid",
    "sessionid",
    "sig",
    "signature",
    "signingkey",
    "subscriptionkey",
    "token",
];
/// These are secret too, but just as often name what is asked for. They are hidden where a URL is
/// shown; in an id, a hash of the value keeps two things apart.
const AMBIGUOUS_WORDS: [&str; 8] = [
    "code", "key", "mac", "md5", "policy", "session", "sign", "verify",
];

/// Parameters that only frame a signature and change whenever a URL is signed again. They are no
/// secrets, but no part of what the URL names either.
const SIGNING_PREFIXES: [&str; 2] = ["x-amz-", "x-goog-"];
/// The same of URLs that carry `Signature` or, in Azure's shared access signatures, `sig`.
const SIGNING_NAMES: [&str; 22] = [
    "expires", "policy", "saoid", "scid", "sdd", "se", "si", "sip", "ske", "skoid", "sks", "skt",
    "sktid", "skv", "sp", "spr", "sr", "srt", "ss", "st", "suoid", "sv",
];

/// The text that an id has in place of a value that may be a secret: this prefix, and this number
/// of digits of its hash.
const HASH: &str = "sha256-";
const HASH_LEN: usize = 16;

/// How often a value is decoded in search of a secret in it.
const MAX_DECODINGS: usize = 4;

/// The URL as it may be shown: secrets replaced, all else as it was given. Only the scheme of an
/// invalid URL is shown, as a secret could be anywhere in it.
pub(super) fn redact_url(url: &str) -> String {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    match split_url(url) {
        Some(parts) if check_url(url).is_ok() => {
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
        _ => {
            let known = scheme_of(url).map_or("url", |scheme| scheme.name());
            format!("{known}://[invalid]")
        }
    }
}

/// An id as it may be shown: one that its caller should have made of a URL, but did not, is redacted.
pub(crate) fn shown_id(id: &str) -> String {
    match split_url(id) {
        Some(_) if check_url(id).is_ok() => redact_url(id),
        // Nothing that any release gives as an id.
        Some(parts) if parts.userinfo.is_some() || holds_secret(id) => redact_url(id),
        _ => id.to_owned(),
    }
}

/// Whether a text holds what is surely a secret.
pub(super) fn holds_secret(text: &str) -> bool {
    let pieces = text.split(['?', '&', ';', '#', '/']);
    pieces
        .map(Parameter)
        .any(|piece| piece.is_secret(SECRET_WORDS.as_slice()))
}

/// The query of a URL as far as it names a thing.
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

/// The path of a URL as far as it names a thing: a part may be or hold parameters.
pub(super) fn path_without_secrets(path: &str) -> String {
    map_path(path, "", |part| {
        segment_without_secrets(part).unwrap_or_default()
    })
}

/// Changes each part of a path, and puts `userinfo` in place of a user name and password where a
/// part follows a `//`, as in the path of a proxy.
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

/// Hides the value of a secret, and all behind it up to the next `&` or `/`: where a `;` stands,
/// it may separate parameters or belong to the secret.
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

/// Leaves out a secret and all behind it, and puts a hash in place of what may be one. None if
/// nothing is left.
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

/// Returns true if a value is the text that an id has in place of a possible secret: so an id is
/// its own id.
fn is_hash(value: &str) -> bool {
    value.strip_prefix(HASH).is_some_and(|hash| {
        hash.len() == HASH_LEN && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// The first of the pieces between `;` that is so, and the text before it.
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

/// One `name=value`.
#[derive(Clone, Copy)]
struct Parameter<'q>(&'q str);

impl Parameter<'_> {
    /// The decoded name in lower case.
    fn name(self) -> String {
        self.decoded_name().to_ascii_lowercase()
    }

    fn decoded_name(self) -> String {
        let name = self.0.split_once('=').map_or(self.0, |(name, _)| name);
        decodings(name).pop().unwrap_or_default()
    }

    /// Whether it has a value, and its name has one of these words or its value holds a secret.
    fn is_secret(self, words: &[&str]) -> bool {
        let Some((_, value)) = self.0.split_once('=') else {
            return false;
        };
        if value.is_empty() || is_hash(value) {
            return false;
        }
        has_word_of(words, &self.decoded_name())
            || words == SECRET_WORDS && holds_secret_inside(value)
    }
}

/// Whether a name has a word of a secret in it.
pub(super) fn has_secret_word(name: &str) -> bool {
    has_word_of(&SECRET_WORDS, name)
}

/// Whether a name ends in the words of a secret: `--hf-api-key`, but not `--pass-through`.
pub(super) fn is_secret_name(name: &str) -> bool {
    let words = words_of(name);
    (0..words.len()).any(|from| SECRET_WORDS.contains(&words[from..].concat().as_str()))
}

/// Whether one of the words of a name, or all of them together, is among these.
fn has_word_of(words: &[&str], name: &str) -> bool {
    let found = words_of(name);
    let together = found.concat();
    let mut all = found.iter().chain([&together]);
    all.any(|word| words.contains(&word.as_str()))
}

/// Whether a value, decoded once or more, has a user name in front of a host, or a parameter of its
/// own that is secret.
fn holds_secret_inside(value: &str) -> bool {
    decodings(value).iter().any(|text| {
        let has_userinfo = text
            .split_once("//")
            .is_some_and(|(_, rest)| rest.contains('@'));
        let mut pieces = text.split(['?', '&', ';', '#', '/']);
        has_userinfo
            || pieces.any(|piece| match piece.split_once('=') {
                Some((name, value)) => !value.is_empty() && has_word_of(&SECRET_WORDS, name),
                None => false,
            })
    })
}

/// A text, and the texts that repeated decoding gives.
fn decodings(text: &str) -> Vec<String> {
    let mut all = vec![text.to_owned()];
    for _ in 0..MAX_DECODINGS {
        match all.last().map(|last| percent::decode(last)) {
            Some(Ok(decoded)) if Some(&decoded) != all.last() => all.push(decoded),
            _ => break,
        }
    }
    all
}

/// The words of a name in lower case, cut at punctuation and where a capital follows a small
/// letter, without digits at their ends.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut last_is_small = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || c.is_uppercase() && last_is_small {
            words.push(String::new());
        }
        last_is_small = c.is_lowercase();
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
    }
    for word in &mut words {
        if word != "md5" {
            word.truncate(word.trim_end_matches(|c: char| c.is_ascii_digit()).len());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
