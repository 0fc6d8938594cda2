//! The listing of a commit, as the hub states it. All input may be hostile.

use std::collections::BTreeSet;

use catalog_core::{Digest, FetchProblem, Result};
use serde::Deserialize;
use ureq::http::HeaderMap;
use ureq::http::header::LINK;

use super::api::{Api, Page, Report};
use crate::net::Url;

/// The maximum number of pages, of entries, and of bytes of a listing.
const MAX_PAGES: usize = 1_000;
const MAX_ENTRIES: usize = 200_000;
const MAX_BYTES: u64 = 64 << 20;

/// An entry of a listing: a file or a folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    oid: Option<String>,
    lfs: Option<Lfs>,
}

/// The facts about a large file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Lfs {
    oid: Option<String>,
    size: Option<u64>,
}

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedFile {
    pub(super) path: String,
    pub(super) size: u64,
    /// The SHA-256 of a large file.
    pub(super) sha256: Option<Digest>,
    /// The object id of git of a small file.
    pub(super) git_oid: Option<String>,
}

impl From<Entry> for ListedFile {
    fn from(entry: Entry) -> Self {
        let stated = entry.lfs.as_ref().and_then(|lfs| lfs.oid.as_deref());
        let sha256 = stated.and_then(|oid| format!("sha256:{oid}").parse().ok());
        Self {
            size: entry
                .lfs
                .as_ref()
                .and_then(|lfs| lfs.size)
                .unwrap_or(entry.size),
            sha256,
            // For a large file, git has only a pointer. A gated repository masks its ids.
            git_oid: entry
                .oid
                .filter(|oid| entry.lfs.is_none() && is_commit(oid)),
            path: entry.path,
        }
    }
}

/// Returns true for a commit or an object id: 40 hexadecimal digits in lower case.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Lists the files of a commit, page by page.
/// Calls `check` with the URL of each page, after all redirects.
pub(super) fn list(
    api: &Api<'_>,
    first: Url,
    check: &dyn Fn(&Url) -> Result<()>,
    report: &mut Report<'_>,
) -> Result<Vec<ListedFile>> {
    let refused = |detail: String| Err(api.error(FetchProblem::Refused, detail));
    let mut files = Vec::new();
    let (mut bytes, mut entries) = (0_u64, 0_usize);
    let mut seen = BTreeSet::new();
    let mut next = Some(first);
    while let Some(url) = next {
        if !seen.insert(url.as_secret_str().to_owned()) {
            return refused("a page of the listing leads to itself".to_owned());
        }
        if seen.len() > MAX_PAGES {
            return refused(format!("the listing has more than {MAX_PAGES} pages"));
        }
        let Page {
            value,
            url,
            headers,
            size,
        } = api.get::<Vec<Entry>>(&url, report)?;
        check(&url)?;
        bytes = bytes.saturating_add(size);
        entries += value.len();
        if bytes > MAX_BYTES || entries > MAX_ENTRIES {
            return refused(format!(
                "the listing has more than {MAX_BYTES} bytes or {MAX_ENTRIES} entries"
            ));
        }
        let of_files = value.into_iter().filter(|entry| entry.kind == "file");
        files.extend(of_files.map(ListedFile::from));
        next = match next_page(&headers) {
            None => None,
            Some(target) => {
                let target = api.client.target(&url, target);
                let target = target.map_err(|why| api.error(FetchProblem::Refused, why))?;
                if target.origin() != api.endpoint.origin() {
                    return refused(format!(
                        "the listing goes on at another host, {}",
                        target.origin()
                    ));
                }
                Some(target)
            }
        };
    }
    Ok(files)
}

/// Returns the target of the link to the next page (RFC 8288).
fn next_page(headers: &HeaderMap) -> Option<&str> {
    let links = headers.get_all(LINK).iter();
    let mut links = links
        .filter_map(|value| value.to_str().ok())
        .flat_map(links_in);
    links.find_map(|(target, parameters)| {
        let mut parameters = parameters.split(';').map(str::trim);
        parameters
            .any(|parameter| matches!(parameter, "rel=\"next\"" | "rel=next"))
            .then_some(target)
    })
}

/// Returns the links in a header: their targets and parameters.
fn links_in(header: &str) -> Vec<(&str, &str)> {
    let mut links = Vec::new();
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((target, after)) = after.split_once('>') else {
            break;
        };
        let end = after.find(",").unwrap_or(after.len());
        links.push((target, &after[..end]));
        rest = &after[end..];
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;
    use ureq::http::HeaderValue;

    fn next(header: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(LINK, HeaderValue::from_str(header).unwrap());
        next_page(&headers).map(str::to_owned)
    }

    /// NET-203
    #[test]
    fn the_link_to_the_next_page_is_found() {
        for (header, target) in [
            (
                "<https://h/x?a=1,2>; rel=\"next\"",
                Some("https://h/x?a=1,2"),
            ),
            ("<a>; rel=\"prev\", <b>; title=x; rel=next", Some("b")),
            ("<a>; rel=\"prev\"", None),
            ("<a; rel=\"next\"", None),
            ("a", None),
        ] {
            assert_eq!(next(header).as_deref(), target, "{header}");
        }
    }

    /// NET-204
    #[test]
    fn a_masked_or_malformed_hash_proves_nothing() {
        let file = |json: &str| ListedFile::from(serde_json::from_str::<Entry>(json).unwrap());
        let sha = "a".repeat(64);
        let large = file(&format!(
            r#"{{"type":"file","path":"m","size":1,"oid":"{}","lfs":{{"oid":"{sha}","size":9}}}}"#,
            "b".repeat(40)
        ));
        assert_eq!((large.size, large.git_oid), (9, None));
        assert_eq!(large.sha256.unwrap().value, sha);
        let masked =
            file(r#"{"type":"file","path":"m","size":1,"oid":"***","lfs":{"oid":"***","size":9}}"#);
        assert_eq!((masked.sha256, masked.git_oid), (None, None));
        let small = file(&format!(
            r#"{{"type":"file","path":"m","size":1,"oid":"{}"}}"#,
            "b".repeat(40)
        ));
        assert_eq!(small.git_oid, Some("b".repeat(40)));
    }
}
