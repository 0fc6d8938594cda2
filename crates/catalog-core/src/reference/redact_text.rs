//! Secrets in free text, such as the reason of a pin or a flag of a build.

use super::fault::offset_of;
use super::redact::{REDACTED, shown_id};
use super::secret::{has_secret_word, holds_secret, is_secret_name};

/// Values of switches. They are not secrets, even after a name such as `token`.
const SWITCHES: [&str; 8] = ["on", "off", "true", "false", "yes", "no", "0", "1"];

/// The prefixes of well-known tokens, each with the minimum number of characters that follow it.
const TOKEN_PREFIXES: [(&str, usize); 12] = [
    ("hf_", 8),
    ("ghp_", 16),
    ("gho_", 16),
    ("ghu_", 16),
    ("ghs_", 16),
    ("ghr_", 16),
    ("github_pat_", 16),
    ("glpat-", 16),
    ("sk-", 20),
    ("AKIA", 16),
    ("ASIA", 16),
    ("xoxb-", 16),
];

/// The number of letters from which a run of letters after a token prefix is not a word.
const LONGER_THAN_WORDS: usize = 16;

/// Replaces the secrets in a text: user names, passwords and signed parameters of URLs, values of
/// `token=…` and similar pairs, and tokens with a well-known prefix. A text without secrets is
/// returned unchanged.
pub(crate) fn redact_text(text: &str) -> String {
    redact_tokens(&redact_words(&redact_pairs(&redact_urls(text))))
}

/// Returns true if a text holds a secret that [`redact_text`] would replace.
pub(crate) fn text_holds_secret(text: &str) -> bool {
    redact_text(text) != text
}

fn redact_urls(text: &str) -> String {
    let is_end = |c: char| c.is_whitespace() || "'\"<>`".contains(c);
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let scheme = rest[..at].rsplit(|c| !is_scheme(c)).next().unwrap_or("");
        let begin = at - scheme.len();
        let end = rest[at..].find(is_end).map_or(rest.len(), |len| at + len);
        clean.push_str(&rest[..begin]);
        clean.push_str(&shown_url(&rest[begin..end]));
        rest = &rest[end..];
    }
    clean + rest
}

/// Returns a URL of any scheme without its secrets.
fn shown_url(url: &str) -> String {
    let shown = shown_id(url);
    if shown != url {
        return shown;
    }
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    // A model reference cannot have these schemes, such as those of databases and of git.
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rsplit_once('@') {
        Some((userinfo, host)) if userinfo != REDACTED => {
            let behind = &rest[end..];
            let behind = if holds_secret(behind) { "" } else { behind };
            format!("{scheme}://{REDACTED}@{host}{behind}")
        }
        _ if holds_secret(rest) && !rest.contains(REDACTED) => format!("{scheme}://{REDACTED}"),
        _ => url.to_owned(),
    }
}

/// Hides the values in `name=value` and `name: value` if the name is that of a secret.
fn redact_pairs(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['=', ':']) {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let before = rest[..at].trim_end().trim_end_matches(['"', '\'']);
        let name = before.rsplit(|c| !is_name(c)).next().unwrap_or("");
        // The flag `-D` defines a value on the command line of a compiler or of CMake.
        let name = name.strip_prefix("-D").unwrap_or(name);
        let behind = &rest[at + 1..];
        let value = value_of(behind);
        if has_secret_word(name) && is_secret_value(value) {
            let begin = offset_of(rest, value);
            clean.push_str(&rest[..begin]);
            clean.push_str(REDACTED);
            rest = &rest[begin + value.len()..];
        } else {
            clean.push_str(&rest[..=at]);
            rest = behind;
        }
    }
    clean + rest
}

/// Returns the value at the beginning of a text: a quoted text, or one word. The scheme of an
/// authorization header counts as part of the value.
fn value_of(text: &str) -> &str {
    let text = text.trim_start_matches([' ', '\t']);
    if let Some(quote) = text.chars().next().filter(|c| "'\"".contains(*c)) {
        let inner = &text[1..];
        return &inner[..inner.find(quote).unwrap_or(inner.len())];
    }
    let is_end = |c: char| c.is_whitespace() || "'\"&<>`".contains(c);
    let end_from = |from: usize| text[from..].find(is_end).map_or(text.len(), |at| from + at);
    let end = end_from(0);
    let is_scheme = ["bearer", "basic", "token"]
        .iter()
        .any(|scheme| text[..end].eq_ignore_ascii_case(scheme));
    let next = text[end..].trim_start();
    if is_scheme && !next.is_empty() {
        return &text[..end_from(text.len() - next.len())];
    }
    &text[..end]
}

fn is_secret_value(value: &str) -> bool {
    let is_switch = SWITCHES
        .iter()
        .any(|switch| value.eq_ignore_ascii_case(switch));
    // The name of a variable is not a secret.
    !(value.is_empty() || is_switch || value.starts_with('$') || value.starts_with(REDACTED))
}

/// Hides the word after `--token` and `Bearer`, and the user name and password in
/// `user:password@host`.
fn redact_words(text: &str) -> String {
    let mut clean = String::new();
    let mut is_next_secret = false;
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let space = &piece[word.len()..];
        if word.is_empty() {
            clean.push_str(space);
            continue;
        }
        if is_next_secret && !word.starts_with('-') && is_secret_value(word) {
            clean.push_str(REDACTED);
        } else {
            clean.push_str(&without_login(word));
        }
        clean.push_str(space);
        let flag = word.strip_prefix('-').filter(|_| !word.contains('='));
        is_next_secret = flag.is_some_and(|flag| is_secret_name(flag.trim_start_matches('-')))
            || word.eq_ignore_ascii_case("bearer");
    }
    clean
}

/// Hides the secrets of a text that the caller passed as an image reference: everything before the
/// last `@`, unless a digest follows that `@`.
pub(crate) fn redact_image(text: &str) -> String {
    let (image, digest) = match text.rsplit_once('@') {
        Some((image, digest)) if begins_with_digest(digest) => (image, Some(digest)),
        _ => (text, None),
    };
    let image = match image.rsplit_once('@') {
        Some((_, rest)) => format!("{REDACTED}@{rest}"),
        None => redact_text(image),
    };
    digest.map_or(image.clone(), |digest| format!("{image}@{digest}"))
}

/// Hides the user name and password in `user:password@host`. Keeps the name and tag of an image
/// before a digest.
fn without_login(word: &str) -> String {
    match word.rsplit_once('@') {
        Some((login, rest)) if is_login(login) && !begins_with_digest(rest) => {
            format!("{REDACTED}@{rest}")
        }
        _ => word.to_owned(),
    }
}

/// Returns true if a text is `user:password`. A text with a slash is a path, a URL or a hub
/// reference.
fn is_login(text: &str) -> bool {
    text.contains(':') && !text.contains('/')
}

fn begins_with_digest(text: &str) -> bool {
    let Some((algorithm, value)) = text.split_once(':') else {
        return false;
    };
    let hex = value.bytes().take_while(u8::is_ascii_hexdigit).count();
    ["sha256", "sha512"].contains(&algorithm) || hex >= 32
}

/// Hides the tokens that begin with a well-known prefix.
fn redact_tokens(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    let mut last = ' ';
    while let Some(c) = rest.chars().next() {
        let len = if last.is_ascii_alphanumeric() {
            None
        } else {
            token_len(rest)
        };
        match len {
            Some(len) => {
                clean.push_str(REDACTED);
                rest = &rest[len..];
                last = 'D';
            }
            None => {
                clean.push(c);
                rest = &rest[c.len_utf8()..];
                last = c;
            }
        }
    }
    clean
}

/// Returns the length of the token at the beginning of a text, if there is one.
fn token_len(text: &str) -> Option<usize> {
    TOKEN_PREFIXES.iter().find_map(|(prefix, min)| {
        let behind = text.strip_prefix(prefix)?;
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c) && *prefix != "hf_";
        let len = behind.find(|c| !is_part(c)).unwrap_or(behind.len());
        let is_word = !behind[..len].contains(|c: char| c.is_ascii_digit() || c.is_uppercase());
        let is_long_word = *prefix == "hf_" && len >= LONGER_THAN_WORDS;
        (len >= *min && (!is_word || is_long_word)).then_some(prefix.len() + len)
    })
}
