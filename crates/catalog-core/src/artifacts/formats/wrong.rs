//! Recognises content that people and servers leave at the path of a model file by mistake.

/// The number of bytes at the beginning of a file that are checked.
pub(super) const BEGIN: usize = 1024;

/// The maximum length of an error text. A longer file is something else.
const MAX_TEXT: u64 = 64 << 10;

/// The first words of error texts that servers send in place of a file.
const ERROR_TEXTS: [&str; 10] = [
    "entry not found",
    "repository not found",
    "invalid username or password",
    "access to model",
    "access denied",
    "unauthorized",
    "forbidden",
    "not found",
    "404",
    "{\"error\"",
];

/// The problem of a file whose download is not finished.
pub(super) const UNFINISHED: &str =
    "its download is not finished; finish the download, or remove the file";

/// The extensions of files that may be web pages or texts.
const TEXTS: [&str; 12] = [
    "html", "htm", "xhtml", "xml", "svg", "md", "txt", "rst", "jinja", "j2", "py", "csv",
];

/// Returns the repair if a file is a git-lfs pointer.
pub(super) fn recognise_pointer(begin: &[u8]) -> Option<&'static str> {
    let is_pointer = begin.starts_with(b"version https://git-lfs.github.com/spec/");
    is_pointer.then_some("it is a git-lfs pointer and not the file itself; run `git lfs pull`")
}

/// Returns the actual content of a file and the repair, if the first bytes show a page or an error
/// text of a server, and the name is not that of a text.
pub(super) fn recognise_page(name: &str, begin: &[u8], size: u64) -> Option<&'static str> {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    let ending = ending.unwrap_or_default().to_ascii_lowercase();
    if TEXTS.contains(&ending.as_str()) {
        return None;
    }
    let text = begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begin);
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let text = text.trim_start();
    if ["<!doctype html", "<html", "<head", "<body"]
        .iter()
        .any(|start| text.starts_with(start))
    {
        return Some("it is a web page; fetch the file again, signed in if that is needed");
    }
    if text.starts_with("<?xml") && (text.contains("<error>") || text.contains("<html")) {
        return Some("it is the error text of a server; fetch the file again");
    }
    let may_be = |words: &&str| !(ending == "json" && words.starts_with('{'));
    let mut error_texts = ERROR_TEXTS.iter().copied().filter(may_be);
    let is_error = size <= MAX_TEXT && error_texts.any(|words| text.starts_with(words));
    is_error.then_some("it is the error text of a server; fetch the file again")
}

/// Returns the reason why a file is incomplete, if its name shows that.
pub(super) fn is_a_part(name: &str) -> Option<&'static str> {
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let (_, ending) = name.rsplit_once('.')?;
    if [
        "incomplete",
        "part",
        "partial",
        "crdownload",
        "aria2",
        "download",
    ]
    .contains(&ending)
    {
        return Some(UNFINISHED);
    }
    let is_numbered = ending
        .strip_prefix("part")
        .and_then(|numbers| numbers.split_once("of"))
        .is_some_and(|(number, count)| is_number(number) && is_number(count));
    let is_lettered = ending.strip_prefix("gguf-split-").is_some_and(|letters| {
        !letters.is_empty() && letters.bytes().all(|byte| byte.is_ascii_lowercase())
    });
    (is_numbered || is_lettered)
        .then_some("it is one part of a split file; join all parts with `cat`, in order")
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
