//! Spellings that other programs use for models of the hub. Each error states the reference to
//! write. It quotes only the parts of a model of the hub, because the rest of a text may be a secret.

use super::hf::parse_hf;
use super::percent;
use crate::error::ModelRefErrorKind as Kind;

/// The reference in an error about a text whose model is not recognised.
const ANY: &str = "hf:org/repo, or hf:org/repo@revision/path for a file or folder";

/// Returns true if a host is the host of the hub.
pub(super) fn is_hub(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    ["hf.co", "huggingface.co"].contains(&host)
}

/// Returns the error for a text without a scheme, if the text begins with the host of the hub.
pub(super) fn of_text(text: &str) -> Option<Kind> {
    let (host, rest) = text.split_once('/')?;
    (is_hub(host) && rest.contains('/')).then(|| {
        let reference = reference_of(rest);
        Kind::OtherSpelling(
            format!(
                "this begins with the host of the hub; write {reference}; for a local path of that \
                 name write ./ in front"
            )
            .into(),
        )
    })
}

/// Returns the error for the path of a hub URL, if the path is that of a web page: `org/repo`, or a
/// folder or file in it. Returns `None` for the address of a download.
pub(super) fn of_page(path: &str) -> Option<Kind> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match &parts[..] {
        [_, _] | [_, _, "tree" | "blob", ..] => {
            let reference = reference_of(path);
            let why = format!("this is the address of a page of the hub; write {reference}");
            Some(Kind::OtherSpelling(why.into()))
        }
        _ => None,
    }
}

/// Returns the reference to the model that the path of an address of the hub names.
fn reference_of(path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let text = match &parts[..] {
        [org, repo] => format!("{org}/{repo}"),
        [
            org,
            repo,
            "tree" | "blob" | "resolve" | "raw",
            revision,
            inner @ ..,
        ] => {
            let revision = match *revision {
                "main" => String::new(),
                other => format!("@{other}"),
            };
            let inner: String = inner.iter().map(|part| format!("/{part}")).collect();
            match percent::decode(&inner) {
                Ok(inner) => format!("{org}/{repo}{revision}{inner}"),
                Err(_) => return ANY.to_owned(),
            }
        }
        _ => return ANY.to_owned(),
    };
    match parse_hf(&text) {
        Ok(fields) => fields.parts().to_string(),
        Err(_) => ANY.to_owned(),
    }
}
