use super::fault::Fault;
use crate::error::ModelRefErrorKind as Kind;

/// The maximum length of one part of a path on common file systems, in bytes.
const MAX_PART_LEN: usize = 255;

/// Checks the path of a file in a remote repository. Its parts are joined by `/`, and the path
/// stays below any folder that it is joined to. Some names that other systems do not support are
/// accepted.
pub(super) fn check_remote_path(path: &str) -> Result<(), Fault<'_>> {
    path.split('/').try_for_each(check_part)
}

/// Checks the name of a file that did not come from a parsed reference: the checks of
/// [`check_remote_path`], and those that the parser makes for a whole reference.
pub(crate) fn check_file_name(name: &str) -> Result<(), String> {
    /// The longest path that Linux accepts, without the space that the path of a root may need.
    const MAX_LEN: usize = 2048;
    if let Some(found) = name.chars().find(|c| c.is_control()) {
        return Err(Kind::ControlCharacter(found).to_string());
    }
    if name.len() > MAX_LEN {
        return Err("it is longer than 2048 bytes".to_owned());
    }
    check_remote_path(name).map_err(|(kind, _)| kind.to_string())
}

fn check_part(part: &str) -> Result<(), Fault<'_>> {
    if part.is_empty() {
        return Err((Kind::EmptyPart, part));
    }
    if part == "." || part == ".." {
        return Err((Kind::DotPart, part));
    }
    if let Some(at) = part.find('\\') {
        return Err((Kind::Backslash, &part[at..]));
    }
    if part.len() > MAX_PART_LEN {
        return Err((Kind::LongPart, part));
    }
    if is_drive(part) {
        return Err((Kind::Drive, part));
    }
    Ok(())
}

/// Returns true if a part begins like a drive of Windows, such as `C:`. On Windows, a path that is
/// joined to such a part leads to another place.
fn is_drive(part: &str) -> bool {
    let mut chars = part.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.next() == Some(':')
}
