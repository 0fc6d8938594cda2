use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::percent;
use crate::error::ModelRefErrorKind as Kind;

/// Parses the text after `file:`.
pub(super) fn parse_file(rest: &str) -> Result<PathBuf, Fault<'_>> {
    let path = match rest.strip_prefix("//") {
        None => rest.to_owned(),
        Some(rest) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let (host, path) = rest.split_at(end);
            if !(host.is_empty() || host.eq_ignore_ascii_case("localhost")) {
                return Err((Kind::RemoteFileHost, host));
            }
            let decoded = percent::decode(path)?;
            if let Some(found) = decoded.chars().find(|c| c.is_control()) {
                return Err((Kind::ControlCharacter(found), path));
            }
            decoded
        }
    };
    if path.is_empty() {
        return Err((Kind::Missing("the path after `file:`"), &rest[rest.len()..]));
    }
    Ok(PathBuf::from(path))
}

/// Returns the text that [`parse_file`] parses into this path: `file:` and the path, or the
/// percent-encoded form if the plain text would be parsed differently.
pub(super) fn file_text(path: &Path) -> String {
    let reads_back = path.to_str().is_some_and(|text| {
        !text.starts_with("//")
            && !text.ends_with(char::is_whitespace)
            && !text.contains(char::is_control)
    });
    if reads_back || !path.is_absolute() {
        return format!("file:{}", path.display());
    }
    let encoded = percent::encode(path.as_os_str().as_bytes(), |byte| {
        byte == b'/' || percent::is_unreserved(byte)
    });
    format!("file://{encoded}")
}
