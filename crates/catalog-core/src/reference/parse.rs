use std::path::PathBuf;

use super::check_url::check_url;
use super::fault::{Fault, MAX_LEN, offset_of};
use super::file::{file_text, parse_file};
use super::hf::{HfFields, parse_hf};
use super::hub_spelling;
use super::other_scheme;
use super::url::{UrlScheme, is_scheme};
use crate::error::{ModelRefError, ModelRefErrorKind as Kind};

/// The fields of a parsed reference.
pub(super) enum Parsed {
    Hf(HfFields),
    File(PathBuf),
    Url(String),
}

/// Parses a reference by the grammar of [`ModelRef`](crate::ModelRef).
pub(super) fn parse(text: &str) -> Result<Parsed, ModelRefError> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(ModelRefError::new(Kind::Empty, 0));
    }
    parse_trimmed(trimmed).map_err(|(kind, part)| ModelRefError::new(kind, offset_of(text, part)))
}

fn parse_trimmed(text: &str) -> Result<Parsed, Fault<'_>> {
    if let Some((at, found)) = text.char_indices().find(|(_, c)| c.is_control()) {
        return Err((Kind::ControlCharacter(found), &text[at..]));
    }
    if text.len() > MAX_LEN {
        return Err((Kind::TooLong, &text[text.len()..]));
    }
    let Some((scheme, rest)) = split_scheme(text) else {
        let is_marked = ["/", "./", "../"].iter().any(|mark| text.starts_with(mark));
        if !is_marked && text.contains("://") {
            return Err((Kind::LooksLikeUrl, text));
        }
        if let Some(other) = hub_spelling::of_text(text) {
            return Err((other, text));
        }
        return check_printed_len(PathBuf::from(text), text);
    };
    let lower = scheme.to_ascii_lowercase();
    match lower.as_str() {
        "hf" => parse_hf(rest).map(Parsed::Hf),
        "file" => parse_file(rest).and_then(|path| check_printed_len(path, text)),
        _ if rest.starts_with("//") => check_url(text).map(|()| Parsed::Url(text.to_owned())),
        _ => match other_scheme::spelling_of(&lower) {
            Some(spelling) => Err((spelling, text)),
            None => Err((Kind::MissingSlashes(lower), rest)),
        },
    }
}

/// Refuses a path whose printed form is too long to be parsed again.
fn check_printed_len(path: PathBuf, text: &str) -> Result<Parsed, Fault<'_>> {
    match file_text(&path).len() {
        0..=MAX_LEN => Ok(Parsed::File(path)),
        _ => Err((Kind::TooLong, &text[text.len()..])),
    }
}

/// Splits `word:rest` if the word is a scheme: a scheme that this crate knows, or any scheme before
/// `://`. Other texts with a colon are file names.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.split_once(':')?;
    let lower = word.to_ascii_lowercase();
    let is_known = lower == "hf"
        || lower == "file"
        || UrlScheme::named(&lower).is_some()
        || other_scheme::spelling_of(&lower).is_some();
    (is_scheme(word) && (is_known || rest.starts_with("//"))).then_some((word, rest))
}
