use super::fault::Fault;
use crate::error::ModelRefErrorKind as Kind;

/// The longest part of a path that common file systems store, in bytes.
const MAX_PART_LEN: usize = 255;

/// Checks the path of a file in a remote repository: parts joined by `/` that name a place below
/// wherever they are put. A name that other systems cannot hold is accepted.
pub(super) fn check_remote_path(path: &str) -> Result<(), Fault<'_>> {
    path.split('/').try_for_each(check_part)
}

/// [`check_remote_path`] for a name that was not part of a reference, so that nothing of it was
/// checked before.
pub(crate) fn check_file_name(name: &str) -> Result<(), String> {
    /// The longest path that Linux takes, less what a root may need.
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

/// Whether a part begins as the drives of Windows do, such as `C:`: a path joined to it would lead elsewhere
/// there.
fn is_drive(part: &str) -> bool {
    let mut chars = part.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.next() == Some(':')
}
