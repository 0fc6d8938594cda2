//! The generated blocks of a Markdown file. A block NAME stands between the lines
//! `<!-- measured:NAME -->` and `<!-- /measured:NAME -->`; all other text is written by hand.

use std::collections::BTreeMap;
use std::fmt;

/// The file has other blocks than those that were made.
#[derive(Debug, PartialEq, Eq)]
pub enum MarkerError {
    /// No block of this name is in the file.
    Missing(String),
    /// The block has no end.
    Unclosed(String),
    /// No text was made for the block.
    Unknown(String),
    /// The file has the block twice.
    Repeated(String),
}

impl fmt::Display for MarkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(
                f,
                "the README has no place for `{name}`: add the lines `{}` and `{}`",
                begin(name),
                end(name)
            ),
            Self::Unclosed(name) => write!(f, "the README lacks the line `{}`", end(name)),
            Self::Unknown(name) => write!(f, "there are no measurements named `{name}`"),
            Self::Repeated(name) => write!(f, "the README has `{}` twice", begin(name)),
        }
    }
}

fn begin(name: &str) -> String {
    format!("<!-- measured:{name} -->")
}

fn end(name: &str) -> String {
    format!("<!-- /measured:{name} -->")
}

/// Replaces the text of each block, and keeps everything else.
pub fn fill(text: &str, blocks: &BTreeMap<String, String>) -> Result<String, MarkerError> {
    let mut filled = String::new();
    let mut done: Vec<&str> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        filled.push_str(line);
        filled.push('\n');
        let name = line.strip_prefix("<!-- measured:");
        let Some(name) = name.and_then(|rest| rest.strip_suffix(" -->")) else {
            continue;
        };
        let block = blocks.get(name);
        let block = block.ok_or_else(|| MarkerError::Unknown(name.to_owned()))?;
        if done.contains(&name) {
            return Err(MarkerError::Repeated(name.to_owned()));
        }
        let end = end(name);
        if !lines.any(|line| line == end) {
            return Err(MarkerError::Unclosed(name.to_owned()));
        }
        filled.push_str(&format!("\n{}\n\n{end}\n", block.trim()));
        done.push(name);
    }
    match blocks.keys().find(|name| !done.contains(&name.as_str())) {
        Some(name) => Err(MarkerError::Missing(name.clone())),
        None => Ok(filled),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{MarkerError, fill};

    fn blocks(names: &[&str]) -> BTreeMap<String, String> {
        let blocks = names
            .iter()
            .map(|name| (name.to_string(), format!("new {name}\n")));
        blocks.collect()
    }

    #[test]
    fn only_the_text_of_blocks_is_replaced() {
        let text = "# Title\n<!-- measured:put -->\nold\nold\n<!-- /measured:put -->\nby hand\n";
        let expected =
            "# Title\n<!-- measured:put -->\n\nnew put\n\n<!-- /measured:put -->\nby hand\n";
        let filled = fill(text, &blocks(&["put"])).unwrap();
        assert_eq!(filled, expected);
        assert_eq!(fill(&filled, &blocks(&["put"])).unwrap(), expected);
    }

    #[test]
    fn a_block_without_a_place_is_an_error() {
        let error = fill("# Title\n", &blocks(&["put"])).unwrap_err();
        assert_eq!(error, MarkerError::Missing("put".to_owned()));
    }

    #[test]
    fn a_block_without_an_end_is_an_error_and_not_the_rest_of_the_file() {
        let error = fill("<!-- measured:put -->\nby hand\n", &blocks(&["put"])).unwrap_err();
        assert_eq!(error, MarkerError::Unclosed("put".to_owned()));
    }

    #[test]
    fn a_place_without_a_block_is_an_error() {
        let text = "<!-- measured:pit -->\n<!-- /measured:pit -->\n";
        let error = fill(text, &blocks(&[])).unwrap_err();
        assert_eq!(error, MarkerError::Unknown("pit".to_owned()));
    }

    #[test]
    fn a_block_stands_in_the_file_once() {
        let text = "<!-- measured:put -->\n<!-- /measured:put -->\n".repeat(2);
        let error = fill(&text, &blocks(&["put"])).unwrap_err();
        assert_eq!(error, MarkerError::Repeated("put".to_owned()));
    }
}
