//! Recognises secrets by the words in the names of their parameters.

use super::percent;

/// Words that make a parameter a secret. One word of its name, or all words joined, must be in this
/// list: `X-Amz-Signature`, `accessToken`, `api_key`, but not `tokenizer`.
pub(super) const SECRET_WORDS: [&str; 37] = [
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
/// Words that may make a parameter a secret, but that often name the requested thing. Their values
/// are hidden when a URL is shown. An id has a hash of the value, so that two different things have
/// two ids.
pub(super) const AMBIGUOUS_WORDS: [&str; 8] = [
    "code", "key", "mac", "md5", "policy", "session", "sign", "verify",
];

/// The prefix that replaces, in an id, a value that may be a secret. The first [`HASH_LEN`] digits
/// of the hash of the value follow it.
pub(super) const HASH: &str = "sha256-";
pub(super) const HASH_LEN: usize = 16;

/// The maximum number of times that a value is decoded to find a secret in it.
const MAX_DECODINGS: usize = 4;

/// Returns true if a text certainly holds a secret.
pub(super) fn holds_secret(text: &str) -> bool {
    let pieces = text.split(['?', '&', ';', '#', '/']);
    pieces
        .map(Parameter)
        .any(|piece| piece.is_secret(SECRET_WORDS.as_slice()))
}

/// Returns true if a value is a hash that an id has in place of a secret. Such a value is kept, so
/// that the id of an id is the same id.
fn is_hash(value: &str) -> bool {
    value.strip_prefix(HASH).is_some_and(|hash| {
        hash.len() == HASH_LEN && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// A parameter of the form `name=value`.
#[derive(Clone, Copy)]
pub(super) struct Parameter<'q>(pub(super) &'q str);

impl Parameter<'_> {
    /// Returns the decoded name in lower case.
    pub(super) fn name(self) -> String {
        self.decoded_name().to_ascii_lowercase()
    }

    fn decoded_name(self) -> String {
        let name = self.0.split_once('=').map_or(self.0, |(name, _)| name);
        decodings(name).pop().unwrap_or_default()
    }

    /// Returns true if the parameter has a value, and either its name has one of these words or its
    /// value holds a secret.
    pub(super) fn is_secret(self, words: &[&str]) -> bool {
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

/// Returns true if a name has one of the words of secrets.
pub(super) fn has_secret_word(name: &str) -> bool {
    has_word_of(&SECRET_WORDS, name)
}

/// Returns true if the last words of a name are those of a secret: `--hf-api-key`, but not
/// `--pass-through`.
pub(super) fn is_secret_name(name: &str) -> bool {
    let words = words_of(name);
    (0..words.len()).any(|from| SECRET_WORDS.contains(&words[from..].concat().as_str()))
}

/// Returns true if one of the words of a name, or all of them joined, is in `words`.
fn has_word_of(words: &[&str], name: &str) -> bool {
    let found = words_of(name);
    let together = found.concat();
    let mut all = found.iter().chain([&together]);
    all.any(|word| words.contains(&word.as_str()))
}

/// Returns true if a value, decoded any number of times, has a user name before a host, or has a
/// secret parameter of its own.
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

/// Returns a text, followed by the results of decoding it repeatedly.
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

/// Returns the words of a name in lower case. Words are split at punctuation, and where an
/// upper-case letter follows a lower-case letter. Digits at the end of a word are removed,
/// except in `md5`.
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
