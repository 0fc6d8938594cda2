use super::fault::Fault;
use crate::error::ModelRefErrorKind as Kind;

/// Decodes each `%XX` once. The result is not decoded again, so `%252e` becomes `%2e`.
pub(super) fn decode(text: &str) -> Result<String, Fault<'_>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let byte = escaped_byte(&rest[at..]).ok_or((Kind::PercentEncoding, &rest[at..]))?;
        bytes.push(byte);
        rest = &rest[at + 3..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| (Kind::NotUtf8, text))
}

/// Checks that every `%` begins an escape.
pub(super) fn check(text: &str) -> Result<(), Fault<'_>> {
    match text
        .match_indices('%')
        .find(|(at, _)| escaped_byte(&text[*at..]).is_none())
    {
        Some((at, _)) => Err((Kind::PercentEncoding, &text[at..])),
        None => Ok(()),
    }
}

/// Encodes each byte as `%XX`, except the bytes that `keep` accepts.
pub(super) fn encode(bytes: &[u8], keep: impl Fn(u8) -> bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii() && keep(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Returns the normal form of a percent-encoded text (RFC 3986, 6.2.2). Escapes of unreserved
/// characters are decoded, other escapes are written in upper case, and characters that a URI does
/// not allow are escaped.
pub(super) fn normalise(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match escaped_byte(rest) {
            Some(byte) => {
                normal.push_str(&encode(&[byte], is_unreserved));
                rest = &rest[3..];
            }
            None => {
                let width = first.len_utf8();
                normal.push_str(&encode(&rest.as_bytes()[..width], |byte| {
                    is_unreserved(byte) || b":/?#[]@!$&'()*+,;=%".contains(&byte)
                }));
                rest = &rest[width..];
            }
        }
    }
    normal
}

pub(super) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Returns the byte of the escape at the beginning of a text.
fn escaped_byte(text: &str) -> Option<u8> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    let digits = digits
        .bytes()
        .all(|b| b.is_ascii_hexdigit())
        .then_some(digits)?;
    u8::from_str_radix(digits, 16).ok()
}
