use super::parse::Fault;
use super::url::check_host;
use crate::digest::Digest;
use crate::error::ModelRefErrorKind as Kind;

/// The longest repository name and tag of the OCI distribution specification.
const MAX_REPOSITORY_LEN: usize = 255;
const MAX_TAG_LEN: usize = 128;

/// Checks `registry/repository[:tag][@digest]` as the OCI distribution specification spells it.
pub(crate) fn check_image_reference(reference: &str) -> Result<(), Fault<'_>> {
    let (registry, rest) = reference
        .split_once('/')
        .unwrap_or((reference, &reference[reference.len()..]));
    check_host(registry)?;
    let (rest, digest) = match rest.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (rest, None),
    };
    let (repository, tag) = match rest.split_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (rest, None),
    };
    check_repository(repository)?;
    if let Some(tag) = tag {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_tag = (1..=MAX_TAG_LEN).contains(&tag.len())
            && tag.starts_with(is_word)
            && tag.chars().all(|c| is_word(c) || c == '.' || c == '-');
        if !is_tag {
            let why =
                "a tag is 1 to 128 ASCII letters, digits, `_`, `.` and `-`, no `.` or `-` first";
            return Err((Kind::Oci(why), tag));
        }
    }
    if let Some(digest) = digest {
        let canonical = digest.parse::<Digest>().map(|parsed| parsed.to_string());
        if canonical.as_deref() != Ok(digest) || digest.starts_with("sha256-tree:") {
            let why =
                "a digest is sha256: and 64, or sha512: and 128, lower-case hexadecimal digits";
            return Err((Kind::Oci(why), digest));
        }
    }
    Ok(())
}

fn check_repository(repository: &str) -> Result<(), Fault<'_>> {
    if repository.is_empty() {
        return Err((Kind::Missing("the repository"), repository));
    }
    if repository.len() > MAX_REPOSITORY_LEN || !repository.split('/').all(is_repository_part) {
        let why =
            "a repository is parts of a-z and 0-9 joined by `/`, with `.`, `_`, `__` or `-` inside";
        return Err((Kind::Oci(why), repository));
    }
    Ok(())
}

/// Runs of letters and digits with one `.`, one or two `_`, or any number of `-` between them.
fn is_repository_part(part: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_separator = |between: &str| {
        matches!(between, "" | "." | "_" | "__") || between.chars().all(|c| c == '-')
    };
    part.starts_with(is_plain) && part.ends_with(is_plain) && part.split(is_plain).all(is_separator)
}
