//! JSON objects on one line or several that end in a digest of themselves, for files of the store
//! of which a flipped bit must not go unnoticed.

use sha2::{Digest as _, Sha256};

/// The text between the content and the 64 digits of its digest.
const FIELD: &str = ",\"checksum\":\"sha256:";

/// The text behind the digits.
const END: &str = "\"}";

/// Adds to a JSON object of at least one field a last one, `checksum`: the SHA-256 of all bytes
/// before it.
pub(crate) fn seal(object: &str) -> String {
    let content = object.strip_suffix('}').unwrap_or(object);
    let digits = hex::encode(Sha256::digest(content));
    format!("{content}{FIELD}{digits}{END}")
}

/// Returns the object without its `checksum`, or the problem if the checksum is wrong.
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
        Some(_) => Err("its checksum is not that of its content"),
    }
}
