use std::fmt;

use super::fault::Fault;
use super::percent;
use super::remote_name::check_remote_path;
use crate::error::ModelRefErrorKind as Kind;

/// The maximum length of an organisation name or repository name of the hub.
const MAX_NAME_LEN: usize = 96;
/// The maximum length of a revision. No git host accepts a longer one.
const MAX_REVISION_LEN: usize = 255;

/// The maximum length of the tag of a quantisation.
const MAX_TAG_LEN: usize = 64;

/// The parts of a hub reference. It prints as `hf:org/name[@revision][/path]`, or as
/// `hf:org/name[@revision]:TAG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct HfParts<'r> {
    /// The organisation or user.
    pub org: &'r str,
    /// The name of the repository.
    pub name: &'r str,
    /// The branch, tag, commit or `refs/…`, decoded. `None` means the default branch of the hub.
    pub revision: Option<&'r str>,
    /// The tag of a quantisation, such as `Q4_K_M`. It names one of the `.gguf` models of the
    /// repository, and excludes a path.
    pub quantisation: Option<&'r str>,
    /// The file or folder in the repository. `None` means the whole repository, or the files of the
    /// quantisation.
    pub path: Option<&'r str>,
}

impl fmt::Display for HfParts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hf:{}/{}", self.org, self.name)?;
        if let Some(revision) = self.revision {
            match special_ref_len(revision) {
                Some(len) if len == revision.len() => write!(f, "@{revision}")?,
                _ => write!(f, "@{}", revision.replace('/', "%2F"))?,
            }
        }
        if let Some(tag) = self.quantisation {
            write!(f, ":{}", tag.to_ascii_uppercase())?;
        }
        match self.path {
            Some(path) => write!(f, "/{path}"),
            None => Ok(()),
        }
    }
}

/// The fields of a [`ModelRef::Hf`](crate::ModelRef::Hf).
pub(super) struct HfFields {
    pub(super) org: String,
    pub(super) repo: String,
    pub(super) path: Option<String>,
}

impl HfFields {
    pub(super) fn parts(&self) -> HfParts<'_> {
        HfParts::new(&self.org, &self.repo, self.path.as_deref())
    }
}

impl<'r> HfParts<'r> {
    pub(super) fn new(org: &'r str, repo: &'r str, path: Option<&'r str>) -> Self {
        let (name, revision, quantisation) = split_repo(repo);
        Self {
            org,
            name,
            revision,
            quantisation,
            path,
        }
    }
}

/// Splits the `repo` field into the name, the revision and the tag of the quantisation.
fn split_repo(repo: &str) -> (&str, Option<&str>, Option<&str>) {
    let (rest, tag) = match repo.split_once(':') {
        Some((rest, tag)) => (rest, Some(tag)),
        None => (repo, None),
    };
    match rest.split_once('@') {
        Some((name, revision)) => (name, Some(revision), tag),
        None => (rest, None, tag),
    }
}

/// Returns the `repo` field with the tag of the quantisation in upper case.
pub(super) fn normal_repo(repo: &str) -> String {
    match repo.split_once(':') {
        Some((rest, tag)) => format!("{rest}:{}", tag.to_ascii_uppercase()),
        None => repo.to_owned(),
    }
}

/// Parses the text after `hf:`.
pub(super) fn parse_hf(rest: &str) -> Result<HfFields, Fault<'_>> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (org, after_org) = rest.split_once('/').unwrap_or((rest, &rest[rest.len()..]));
    if after_org.is_empty() {
        return Err((Kind::MissingRepository, after_org));
    }
    check_hub_name(org)?;
    if let Some(kind) = ["datasets", "spaces"].into_iter().find(|kind| *kind == org) {
        return Err((Kind::NotAModelRepository(kind), org));
    }

    let end = after_org.find(['/', '@', ':']).unwrap_or(after_org.len());
    let (name, mut rest) = after_org.split_at(end);
    check_hub_name(name)?;
    let mut repo = name.to_owned();
    if let Some(after_at) = rest.strip_prefix('@') {
        let end = special_ref_len(after_at)
            .or_else(|| after_at.find(['/', ':']))
            .unwrap_or(after_at.len());
        let (revision, after_revision) = after_at.split_at(end);
        repo.push('@');
        repo.push_str(&parse_revision(revision)?);
        rest = after_revision;
    }
    if let Some(after_colon) = rest.strip_prefix(':') {
        let end = after_colon.find('/').unwrap_or(after_colon.len());
        let (tag, after_tag) = after_colon.split_at(end);
        check_tag(tag)?;
        if !matches!(after_tag, "" | "/") {
            let why = "a tag names the files of a quantisation, so a path after the tag is \
                       ambiguous; write hf:org/repo/path for a file, or hf:org/repo:TAG";
            return Err((Kind::Quantisation(why), after_tag));
        }
        repo.push(':');
        repo.push_str(&tag.to_ascii_uppercase());
        rest = "";
    }
    let path = match rest.strip_prefix('/') {
        None | Some("") => None,
        Some(path) => {
            check_remote_path(path)?;
            Some(path.to_owned())
        }
    };
    Ok(HfFields {
        org: org.to_owned(),
        repo,
        path,
    })
}

/// Checks the name of an organisation or repository by the rules of the hub.
fn check_hub_name(name: &str) -> Result<(), Fault<'_>> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() {
        return Err((Kind::EmptyPart, name));
    }
    if let Some(at) = name.find('\\') {
        return Err((Kind::Backslash, &name[at..]));
    }
    if let Some(at) = name.find(|c| !allowed(c)) {
        let why = "organisation and repository have only ASCII letters, digits, `-`, `_` and `.`";
        return Err((Kind::HubName(why), &name[at..]));
    }
    let problem = if name.len() > MAX_NAME_LEN {
        "organisation and repository have at most 96 characters"
    } else if name.starts_with(['-', '.']) || name.ends_with(['-', '.']) {
        "organisation and repository neither begin nor end with `-` or `.`"
    } else if name.contains("--") || name.contains("..") {
        "organisation and repository never hold `--` or `..`"
    } else if name.ends_with(".git") {
        "a repository's name does not end in `.git`"
    } else {
        return Ok(());
    };
    Err((Kind::HubName(problem), name))
}

/// Checks the tag of a quantisation.
fn check_tag(tag: &str) -> Result<(), Fault<'_>> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if tag.is_empty() || tag.len() > MAX_TAG_LEN || tag.starts_with(['-', '.']) {
        let why = "a tag after `:` has 1 to 64 characters, such as Q4_K_M; a revision comes before the \
                   tag, as in hf:org/repo@revision:TAG";
        return Err((Kind::Quantisation(why), tag));
    }
    match tag.find(|c| !is_allowed(c)) {
        Some(at) => {
            let why = "a tag has only ASCII letters, digits, `_`, `-` and `.`; a revision comes \
                       before the tag, as in hf:org/repo@revision:TAG";
            Err((Kind::Quantisation(why), &tag[at..]))
        }
        None => Ok(()),
    }
}

/// Decodes and checks a revision.
fn parse_revision(encoded: &str) -> Result<String, Fault<'_>> {
    let fault = |why| Err((Kind::Revision(why), encoded));
    let revision = percent::decode(encoded)?;
    if revision.is_empty() {
        return fault("the revision after `@` is empty");
    }
    if revision.len() > MAX_REVISION_LEN {
        return fault("a revision has at most 255 characters");
    }
    if revision == "refs" {
        return fault("a revision with slashes is written with %2F, as in @refs%2Fheads%2Fmain");
    }
    if !revision
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-+/".contains(c))
    {
        return fault("a revision has only ASCII letters, digits, `.`, `_`, `-`, `+` and %2F");
    }
    // Git refuses these parts in a ref, and a command line would parse a leading `-` as an option.
    let is_bad_part = |part: &str| {
        part.is_empty() || part.starts_with('.') || part.ends_with('.') || part.ends_with(".lock")
    };
    if revision.starts_with('-') || revision.contains("..") || revision.split('/').any(is_bad_part)
    {
        return fault("git does not accept this name of a revision");
    }
    Ok(revision)
}

/// Returns the length of the `refs/pr/N` or `refs/convert/NAME` at the beginning of a text, if
/// there is one. The tools of the hub accept these two with unescaped slashes.
fn special_ref_len(text: &str) -> Option<usize> {
    let end_of_part = |from: usize| {
        text[from..]
            .find(['/', ':'])
            .map_or(text.len(), |at| from + at)
    };
    for (prefix, allowed) in [
        ("refs/pr/", (|c| c.is_ascii_digit()) as fn(char) -> bool),
        ("refs/convert/", |c| {
            c.is_ascii_alphanumeric() || "_.-".contains(c)
        }),
    ] {
        if text.starts_with(prefix) {
            let end = end_of_part(prefix.len());
            let name = &text[prefix.len()..end];
            return (!name.is_empty() && name.chars().all(allowed)).then_some(end);
        }
    }
    None
}
