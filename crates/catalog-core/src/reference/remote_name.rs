use super::fault::Fault;
use crate::error::ModelRefErrorKind as Kind;

/// The longest part of a path that common file systems store, in bytes.
const MAX_PART_LEN: usize = 255;

/// Checks the path of a file in a remote repository: parts joined by `/` that name a place below
/// wherever they are put, on any system.
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
    let unportable = |why| Err((Kind::UnportableName(why), part));
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
        return unportable("a part is longer than 255 bytes");
    }
    if part.contains(['<', '>', ':', '"', '|', '?', '*']) {
        return unportable("one of < > : \" | ? * is in it");
    }
    if part.ends_with(['.', ' ']) {
        return unportable("a part ends in a dot or space");
    }
    if is_device(part) {
        return unportable("a part names a device of Windows");
    }
    Ok(())
}

/// Whether Windows opens a device under this name, whatever extension follows: CON, PRN, AUX, NUL,
/// COM and LPT with a digit or a superscript 1, 2 or 3.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_ascii_uppercase();
    if matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$"
    ) {
        return true;
    }
    let port = stem
        .strip_prefix("COM")
        .or_else(|| stem.strip_prefix("LPT"));
    port.is_some_and(|number| {
        let mut digits = number.chars();
        let is_digit = |c: char| c.is_ascii_digit() || "¹²³".contains(c);
        digits.next().is_some_and(is_digit) && digits.next().is_none()
    })
}
