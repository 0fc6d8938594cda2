//! Sealed JSON objects: the last field of such an object is a digest of the text before it. The
//! store seals its files, so that it notices a flipped bit.

use sha2::{Digest as _, Sha256};

/// The text between the content and the 64 digits of its digest.
const FIELD: &str = ",\"checksum\":\"sha256:";

/// The text after the digits.
const END: &str = "\"}";

/// Adds the field `checksum` at the end of a JSON object that has at least one field. Its value is
/// the SHA-256 of all bytes before it.
pub(crate) fn seal(object: &str) -> String {
    let content = object.strip_suffix('}').unwrap_or(object);
    let digits = hex::encode(Sha256::digest(content));
    format!("{content}{FIELD}{digits}{END}")
}

/// Returns the object without its `checksum`, or a description of the problem if the checksum is
/// wrong.
pub(crate) fn unseal(text: &str) -> Result<String, &'static str> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let sealed = text
        .strip_suffix(END)
        .and_then(|rest| rest.split_at_checked(rest.len().checked_sub(64)?))
        .and_then(|(rest, digits)| Some((rest.strip_suffix(FIELD)?, digits)));
    match sealed {
        None => Err("it does not end in its checksum"),
        Some((content, digits)) if hex::encode(Sha256::digest(content)) == digits => {
            Ok(format!("{content}}}"))
        }
        Some(_) => Err("its checksum does not match its content"),
    }
}
