//! The words of the command line.

use std::fmt;

use crate::{child, ours};

/// The names of the rows, in the order in which they are measured. Rows that write much come late: a
/// virtual disk may be slow for minutes after them.
pub const ROWS: [&str; 13] = [
    "put",
    "lookup",
    "import",
    "reverify",
    "herd",
    "collect",
    "hashing",
    "hub-small-files",
    "download",
    "download-memory",
    "hub-download",
    "memory",
    "catalog",
];

/// The sizes of the catalog unless the command line gives others.
const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];

/// The task of this process.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// The work of a process that a row started.
    Child(Vec<String>),
    /// Our own rows alone, for `compare`.
    Ours(Vec<String>),
    /// Draw figures and tables from the stored measurements.
    Render,
    Measure(Plan),
}

/// A run.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    pub rows: Vec<String>,
    /// The sizes of the catalog.
    pub sizes: Vec<usize>,
    /// All sizes but those of the catalog are divided by it.
    pub scale: usize,
    pub results: Results,
}

/// Where the results of a run go, beside the terminal and the target folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Results {
    /// Nowhere.
    Shown,
    /// Into `results` and the README.
    Written,
}

/// A word that cannot be understood, or words that contradict each other.
#[derive(Debug, PartialEq, Eq)]
pub struct BadOption(String);

impl fmt::Display for BadOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Action {
    /// Reads the words behind the name of the program.
    pub fn parse(words: &[String]) -> Result<Self, BadOption> {
        match words.split_first().map(|(word, rest)| (&**word, rest)) {
            Some((child::FLAG, rest)) => Ok(Self::Child(rest.to_vec())),
            Some((ours::WORD, rest)) => Ok(Self::Ours(rest.to_vec())),
            Some(("--render", [])) => Ok(Self::Render),
            _ => Plan::parse(words).map(Self::Measure),
        }
    }
}

impl Plan {
    fn parse(words: &[String]) -> Result<Self, BadOption> {
        let mut plan = Self {
            rows: ROWS.map(str::to_owned).to_vec(),
            sizes: Vec::new(),
            scale: 1,
            results: Results::Shown,
        };
        for word in words {
            if let Some(names) = word.strip_prefix("--rows=") {
                plan.rows = names.split(',').map(str::to_owned).collect();
            } else if let Some(by) = word.strip_prefix("--scale=") {
                plan.scale = number(by)?;
            } else if word == "--write" {
                plan.results = Results::Written;
            } else {
                plan.sizes.push(number(word)?);
            }
        }
        if let Some(row) = plan.rows.iter().find(|row| !ROWS.contains(&&***row)) {
            return Err(BadOption(format!("{row} is none of {}", ROWS.join(", "))));
        }
        let is_full = plan.scale == 1 && plan.sizes.is_empty();
        if plan.results == Results::Written && !is_full {
            let text = "--write keeps rows of full size only: leave out --scale and the sizes";
            return Err(BadOption(text.to_owned()));
        }
        if plan.sizes.is_empty() {
            plan.sizes = SIZES.to_vec();
        }
        Ok(plan)
    }
}

fn number(word: &str) -> Result<usize, BadOption> {
    let number = word.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| BadOption(format!("{word} is neither an option nor a positive number")))
}

#[cfg(test)]
mod tests {
    use super::{Action, ROWS, Results};

    fn parse(text: &str) -> Result<Action, String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Action::parse(&words).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn plan(text: &str) -> super::Plan {
        match parse(text) {
            Ok(Action::Measure(plan)) => plan,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_words_everything_is_measured_and_nothing_is_written() {
        assert_eq!(plan("").rows, ROWS);
        assert_eq!(plan("").sizes, [100, 1_000, 10_000, 100_000]);
        assert_eq!(plan("").results, Results::Shown);
    }

    #[test]
    fn some_rows_can_be_written() {
        let plan = plan("--rows=put,lookup --write");
        assert_eq!(plan.rows, ["put", "lookup"]);
        assert_eq!(plan.results, Results::Written);
    }

    #[test]
    fn rows_of_another_size_are_not_written() {
        assert!(
            parse("--write --scale=8")
                .unwrap_err()
                .contains("full size")
        );
        assert!(parse("--write 100").unwrap_err().contains("full size"));
        assert_eq!(plan("--scale=8 100").sizes, [100]);
    }

    #[test]
    fn words_without_a_meaning_are_refused() {
        assert!(parse("--rows=putt").is_err());
        assert!(parse("--wirte").is_err());
        assert!(parse("--scale=0").is_err());
    }

    #[test]
    fn rendering_takes_no_other_word() {
        assert_eq!(parse("--render"), Ok(Action::Render));
        assert!(parse("--render --write").is_err());
    }
}
