//! Which texts are secrets, by the words of the names in front of them.

use super::percent;

/// A parameter is secret if one of these is among the words of its name, or is all of them
/// together: `X-Amz-Signature`, `accessToken`, `api_key`, but not `tokenizer`.
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
/// These are secret too, but just as often name what is asked for. They are hidden where a URL is
/// shown; in an id, a hash of the value keeps two things apart.
pub(super) const AMBIGUOUS_WORDS: [&str; 8] = [
    "code", "key", "mac", "md5", "policy", "session", "sign", "verify",
];

/// What an id has in place of a value that may be a secret: this, and so many digits of its hash.
pub(super) const HASH: &str = "sha256-";
pub(super) const HASH_LEN: usize = 16;

/// How often a value is decoded in search of a secret in it.
const MAX_DECODINGS: usize = 4;

/// Whether a text holds what is surely a secret.
pub(super) fn holds_secret(text: &str) -> bool {
    let pieces = text.split(['?', '&', ';', '#', '/']);
    pieces
        .map(Parameter)
        .any(|piece| piece.is_secret(SECRET_WORDS.as_slice()))
}

/// Whether a value is what an id has in place of what may be a secret: an id is its own id.
fn is_hash(value: &str) -> bool {
    value.strip_prefix(HASH).is_some_and(|hash| {
        hash.len() == HASH_LEN && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// One `name=value`.
#[derive(Clone, Copy)]
pub(super) struct Parameter<'q>(pub(super) &'q str);

impl Parameter<'_> {
    /// The decoded name in lower case.
    pub(super) fn name(self) -> String {
        self.decoded_name().to_ascii_lowercase()
    }

    fn decoded_name(self) -> String {
        let name = self.0.split_once('=').map_or(self.0, |(name, _)| name);
        decodings(name).pop().unwrap_or_default()
    }

    /// Whether it has a value, and its name has one of these words or its value holds a secret.
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

/// A text, and what it becomes when it is decoded again and again.
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
