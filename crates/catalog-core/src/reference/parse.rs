use std::path::PathBuf;

use super::file::parse_file;
use super::hf::parse_hf;
use super::model_ref::ModelRef;
use super::url::{UrlScheme, check_url};
use crate::error::{ModelRefError, ModelRefErrorKind as Kind};

/// The longest reference, in bytes.
pub(super) const MAX_LEN: usize = 8192;

/// The problem of a part of the text; the part's own place in the text is the position.
pub(super) type Fault<'t> = (Kind, &'t str);

/// Reads a reference as documented on [`ModelRef`].
pub(super) fn parse(text: &str) -> Result<ModelRef, ModelRefError> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(ModelRefError::new(Kind::Empty, 0));
    }
    parse_trimmed(trimmed).map_err(|(kind, part)| ModelRefError::new(kind, offset_of(text, part)))
}

fn parse_trimmed(text: &str) -> Result<ModelRef, Fault<'_>> {
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
        let path = PathBuf::from(text);
        return check_printed_len(ModelRef::File { path }, text);
    };
    let lower = scheme.to_ascii_lowercase();
    match lower.as_str() {
        "hf" => parse_hf(rest),
        "file" => parse_file(rest).and_then(|mr| check_printed_len(mr, text)),
        _ => match UrlScheme::named(&lower) {
            Some(scheme) if !rest.starts_with("//") => {
                Err((Kind::MissingSlashes(scheme.name()), rest))
            }
            Some(_) => check_url(text).map(|()| ModelRef::Url {
                url: text.to_owned(),
            }),
            None => Err((
                Kind::UnsupportedScheme(lower.chars().take(32).collect()),
                text,
            )),
        },
    }
}

/// Refuses a path whose printed form is too long to be read back.
fn check_printed_len(mr: ModelRef, text: &str) -> Result<ModelRef, Fault<'_>> {
    match mr.to_string().len() {
        0..=MAX_LEN => Ok(mr),
        _ => Err((Kind::TooLong, &text[text.len()..])),
    }
}

/// Splits `word:rest` where the word is a scheme: a known one, or any before `://`. One letter is a
/// drive, and a file may have a colon in its name.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.split_once(':')?;
    let is_word = word.len() > 1
        && word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let lower = word.to_ascii_lowercase();
    let is_known = lower == "hf" || lower == "file" || UrlScheme::named(&lower).is_some();
    (is_word && (is_known || rest.starts_with("//"))).then_some((word, rest))
}

/// Where a part of a text begins in it.
pub(super) fn offset_of(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}
