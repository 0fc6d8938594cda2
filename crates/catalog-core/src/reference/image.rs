use super::fault::Fault;
use super::host::check_host;
use crate::digest::{Digest, DigestAlgorithm};
use crate::error::ModelRefErrorKind as Kind;

/// The maximum length of a repository name in the OCI distribution specification.
const MAX_REPOSITORY_LEN: usize = 255;
const MAX_TAG_LEN: usize = 128;
/// The minimum length of the value of a digest with an unknown algorithm. Container tools require
/// this length.
const MIN_UNKNOWN_DIGEST_LEN: usize = 32;

/// Checks `registry/repository[:tag][@digest]` by the grammar of the OCI distribution
/// specification.
pub(crate) fn check_image_reference(reference: &str) -> Result<(), Fault<'_>> {
    let (registry, rest) = reference
        .split_once('/')
        .unwrap_or((reference, &reference[reference.len()..]));
    if let Some((userinfo, _)) = registry.rsplit_once('@') {
        let why = "user names and passwords have no place in an image reference";
        return Err((Kind::Authority(why), userinfo));
    }
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
    digest.map_or(Ok(()), check_image_digest)
}

/// Checks the digest of an image. The OCI image specification also permits algorithms that this
/// library does not compute.
fn check_image_digest(digest: &str) -> Result<(), Fault<'_>> {
    let (algorithm, value) = digest.split_once(':').unwrap_or((digest, ""));
    let is_right = match algorithm.parse() {
        Ok(DigestAlgorithm::Sha256Tree) => false,
        Ok(known) => {
            let parsed = digest.parse::<Digest>().map(|parsed| parsed.to_string());
            algorithm == known.name() && parsed.as_deref() == Ok(digest)
        }
        Err(_) => is_digest_algorithm(algorithm) && is_digest_value(value),
    };
    if is_right {
        return Ok(());
    }
    let why = "a digest is sha256: and 64, or sha512: and 128, lower-case hexadecimal digits, \
               or another algorithm and at least 32 letters and digits";
    Err((Kind::Oci(why), digest))
}

/// Returns true if a text consists of runs of a-z and 0-9, separated by one `+`, `.`, `_` or `-`.
fn is_digest_algorithm(algorithm: &str) -> bool {
    let is_run = |run: &str| {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        !run.is_empty() && run.bytes().all(is_plain)
    };
    algorithm.split(['+', '.', '_', '-']).all(is_run)
}

fn is_digest_value(value: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_alphanumeric() || b"=_-".contains(&b);
    value.len() >= MIN_UNKNOWN_DIGEST_LEN && value.bytes().all(is_part)
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

/// Returns true if a text consists of runs of letters and digits, separated by one `.`, by one or
/// two `_`, or by any number of `-`.
fn is_repository_part(part: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_separator = |between: &str| {
        matches!(between, "" | "." | "_" | "__") || between.chars().all(|c| c == '-')
    };
    part.starts_with(is_plain) && part.ends_with(is_plain) && part.split(is_plain).all(is_separator)
}
