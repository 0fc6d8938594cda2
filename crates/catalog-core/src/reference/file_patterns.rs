use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Patterns that choose files of a model by their names. A file is chosen if an include pattern
/// matches its name, or if there are no include patterns, and if no exclude pattern matches.
///
/// In a pattern, `*` stands for any text, also with slashes, `?` for one character, and `[a-z]` or
/// `[!a-z]` for one character of a set or outside of the set. A pattern that ends with `/` matches
/// all files below that folder. Upper and lower case differ. These are the rules of `hf download
/// --include`.
///
/// ```
/// use catalog_core::FilePatterns;
///
/// let patterns = FilePatterns::default().include(["*.safetensors", "tokenizer/"]).exclude(["old/*"]);
/// assert!(patterns.has("model.safetensors"));
/// assert!(patterns.has("tokenizer/vocab.txt"));
/// assert!(!patterns.has("old/model.safetensors"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FilePatterns {
    /// The patterns of the chosen files. If it is empty, all files are chosen.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub include: BTreeSet<String>,
    /// The patterns of files that are left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub exclude: BTreeSet<String>,
}

impl FilePatterns {
    /// Adds patterns of chosen files.
    #[must_use]
    pub fn include<T: Into<String>>(mut self, patterns: impl IntoIterator<Item = T>) -> Self {
        self.include.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// Adds patterns of files that are left out.
    #[must_use]
    pub fn exclude<T: Into<String>>(mut self, patterns: impl IntoIterator<Item = T>) -> Self {
        self.exclude.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// Returns true if there are no patterns, so that all files are chosen.
    pub fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    /// Returns true if the file of this name is chosen.
    pub fn has(&self, name: &str) -> bool {
        let is_matched = |patterns: &BTreeSet<String>| patterns.iter().any(|p| matches(p, name));
        (self.include.is_empty() || is_matched(&self.include)) && !is_matched(&self.exclude)
    }
}

impl fmt::Display for FilePatterns {
    /// Writes the patterns for a message, such as `*.gguf, without old/*`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |patterns: &BTreeSet<String>| {
            let all: Vec<&str> = patterns.iter().map(String::as_str).collect();
            all.join(", ")
        };
        match (self.include.is_empty(), self.exclude.is_empty()) {
            (true, true) => f.write_str("all files"),
            (false, true) => f.write_str(&list(&self.include)),
            (true, false) => write!(f, "all files, without {}", list(&self.exclude)),
            (false, false) => {
                write!(
                    f,
                    "{}, without {}",
                    list(&self.include),
                    list(&self.exclude)
                )
            }
        }
    }
}

/// Returns true if a pattern matches the whole name.
fn matches(pattern: &str, name: &str) -> bool {
    let mut pattern: Vec<char> = pattern.chars().collect();
    if pattern.last() == Some(&'/') {
        pattern.push('*');
    }
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut begin) = (0, 0);
    // The place after the last `*`, and the place in the name up to which the `*` matches.
    let mut last_star: Option<(usize, usize)> = None;
    while begin < name.len() {
        let step = match pattern.get(at) {
            Some('*') => {
                last_star = Some((at + 1, begin));
                at += 1;
                continue;
            }
            Some(_) => one(&pattern[at..], name[begin]),
            None => None,
        };
        match (step, last_star) {
            (Some(len), _) => (at, begin) = (at + len, begin + 1),
            // The last `*` takes one more character.
            (None, Some((after, place))) => {
                last_star = Some((after, place + 1));
                (at, begin) = (after, place + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

/// Returns the length of the first element of a pattern, if it matches the character.
fn one(pattern: &[char], found: char) -> Option<usize> {
    let is_matched = match pattern {
        ['?', ..] => return Some(1),
        ['[', rest @ ..] => {
            let (is_negated, set) = match rest {
                ['!', set @ ..] => (true, set),
                set => (false, set),
            };
            // A `]` at the begin of a set is a member of the set.
            let Some(end) = set.iter().skip(1).position(|c| *c == ']') else {
                // A bracket without an end stands for itself.
                return (found == '[').then_some(1);
            };
            let end = end + 1;
            let len = 1 + usize::from(is_negated) + end + 1;
            return (is_in(&set[..end], found) != is_negated).then_some(len);
        }
        [literal, ..] => *literal == found,
        [] => false,
    };
    is_matched.then_some(1)
}

/// Returns true if a set, such as `a-z_`, has the character.
fn is_in(set: &[char], found: char) -> bool {
    let mut rest = set;
    while let [first, after @ ..] = rest {
        match after {
            ['-', last, after @ ..] => {
                if (*first..=*last).contains(&found) {
                    return true;
                }
                rest = after;
            }
            _ => {
                if *first == found {
                    return true;
                }
                rest = after;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert_eq, proptest};

    /// CAT-128
    #[test]
    fn patterns_match_as_those_of_the_hf_command() {
        for (pattern, matched, others) in [
            (
                "*.gguf",
                &["a.gguf", "a/b.gguf", ".gguf"][..],
                &["a.gguf2", "gguf"][..],
            ),
            ("a/*", &["a/b", "a/b/c", "a/"], &["a", "b/a/c"]),
            ("a/", &["a/b", "a/b/c"], &["a", "ab"]),
            (
                "model-?.bin",
                &["model-1.bin", "model-ä.bin"],
                &["model-.bin", "model-12.bin"],
            ),
            ("[ab]*[!0-9]", &["ax", "b1x"], &["a1", "cx", "a"]),
            ("[]x]", &["]", "x"], &["[", "y"]),
            ("[a-", &["[a-"], &["a", "-"]),
            ("[", &["["], &["]"]),
            ("*a*b*", &["ab", "xaxbx", "aab"], &["ba", ""]),
            ("**", &["", "a/b"], &[]),
            (
                "config.json",
                &["config.json"],
                &["a/config.json", "config_json"],
            ),
            ("", &[""], &["a"]),
        ] {
            for name in matched {
                assert!(matches(pattern, name), "{pattern} {name}");
            }
            for name in others {
                assert!(!matches(pattern, name), "{pattern} {name}");
            }
        }
    }

    /// CAT-128
    #[test]
    fn a_file_is_chosen_if_it_is_included_and_not_excluded() {
        let all = FilePatterns::default();
        assert!(all.is_empty() && all.has("a"));
        let some = all.clone().include(["*.bin", "a*"]).exclude(["*old*"]);
        for (name, is_chosen) in [
            ("x.bin", true),
            ("a.txt", true),
            ("b", false),
            ("a.old", false),
        ] {
            assert_eq!(some.has(name), is_chosen, "{name}");
        }
        assert_eq!(some.to_string(), "*.bin, a*, without *old*");
    }

    /// Matches by recursion, which is slow and plain.
    fn plainly(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            (['*', rest @ ..], _) => {
                (0..=name.len()).any(|skipped| plainly(rest, &name[skipped..]))
            }
            ([_, ..], [first, after @ ..]) => {
                one(pattern, *first).is_some_and(|len| plainly(&pattern[len..], after))
            }
            _ => false,
        }
    }

    proptest! {
        /// CAT-128
        #[test]
        fn stars_match_as_a_recursion_matches(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<char>>();
            prop_assert_eq!(
                matches(&pattern, &name),
                plainly(&chars(&pattern), &chars(&name))
            );
        }
    }
}
