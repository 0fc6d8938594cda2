//! Spellings that other programs use for models of the hub. Each error states the spelling to
//! write. The errors do not quote the text, because it may contain a secret.

use crate::error::ModelRefErrorKind as Kind;

/// The error for a tag after a repository.
pub(super) const TAG: Kind = Kind::OtherSpelling(
    "a tag such as `:Q4_K_M` is not supported; name the file, as in hf:org/repo/model-Q4_K_M.gguf, or write \
     hf:org/repo for all files",
);

/// The error for the address of a web page.
pub(super) const PAGE: Kind = Kind::OtherSpelling(
    "this is the address of a page of the hub; write hf:org/repo, or hf:org/repo@revision/path for a file or \
     folder",
);

/// The error for a text that begins with the host of the hub.
const TEXT: Kind = Kind::OtherSpelling(
    "this begins with the host of the hub; write hf:org/repo, or hf:org/repo/model-Q4_K_M.gguf for a file; for \
     a local path of that name write ./ in front",
);

/// Returns true if a host is the host of the hub.
pub(super) fn is_hub(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    ["hf.co", "huggingface.co"].contains(&host)
}

/// Returns the error for a text without a scheme, if the text is one of these spellings.
pub(super) fn of_text(text: &str) -> Option<Kind> {
    let (host, rest) = text.split_once('/')?;
    (is_hub(host) && rest.contains('/')).then_some(TEXT)
}

/// Returns the error for the path of a hub URL, if the path is that of a web page: `org/repo`, or a
/// folder or file in it. Returns `None` for the address of a download.
pub(super) fn of_page(path: &str) -> Option<Kind> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match &parts[..] {
        [_, _] | [_, _, "tree" | "blob", ..] => Some(PAGE),
        _ => None,
    }
}
