//! The bytes of an index file, as `.specs/index-format.md` specifies them. Pure.

use super::record::Record;
use super::snapshot::{Content, Stored};
use crate::digest::{Hasher, sha256};

/// What stands between the entries and the end: the checksum of the first line and of the sums of
/// the entries, so that writing one entry anew does not hash all the others anew.
const CHECKSUM: &str = ",\"checksum\":\"";
const END: &str = "\"}\n";
/// `sha256:` and 64 digits.
const CHECKSUM_LEN: usize = 71;
/// What stands between the fields of an entry and its end: the checksum of its line before this.
const SUM: &str = ",\"sum\":\"";
/// The first 8 bytes of a SHA-256.
const SUM_LEN: usize = 16;
/// The name of the field that `SUM` begins.
pub(super) const SUM_FIELD: &str = "sum";

/// The lines of an index whose checksums are all right.
pub(super) struct Lines<'t> {
    /// The first one.
    pub(super) head: &'t str,
    /// One for each entry, without what separates it from the next.
    pub(super) entries: Vec<&'t str>,
}

/// Why there are no [`Lines`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unproved {
    /// A checksum is not that of what it stands for.
    WrongChecksum,
    /// No checksum is where one belongs: it was lost, or this is no index of this format.
    NoChecksum,
}

/// Takes an index apart. No byte of it can have changed since it was written.
pub(super) fn lines(text: &str) -> Result<Lines<'_>, Unproved> {
    let (content, stated) = text
        .strip_suffix(END)
        .and_then(|rest| rest.split_at_checked(rest.len().checked_sub(CHECKSUM_LEN)?))
        .and_then(|(rest, stated)| Some((rest.strip_suffix(CHECKSUM)?, stated)))
        .ok_or(Unproved::NoChecksum)?;
    let content = content.strip_suffix("\n}").ok_or(Unproved::WrongChecksum)?;
    let mut lines = content.split('\n').peekable();
    let head = lines.next().unwrap_or_default();
    let mut checksum = Hasher::new();
    checksum.update(head.as_bytes());
    let mut entries = Vec::new();
    while let Some(line) = lines.next() {
        let is_last = lines.peek().is_none();
        let line = if is_last {
            Some(line)
        } else {
            line.strip_suffix(',')
        };
        let line = line.ok_or(Unproved::WrongChecksum)?;
        let sum = right_sum(line).ok_or(Unproved::WrongChecksum)?;
        checksum.update(sum.as_bytes());
        entries.push(line);
    }
    if checksum.finish().to_string() != stated {
        return Err(Unproved::WrongChecksum);
    }
    Ok(Lines { head, entries })
}

/// The bytes of an index in the current format: one entry a line, sorted by id.
pub(super) fn write<'s, R: Record>(
    content: Content<'s, impl Iterator<Item = (&'s str, &'s Stored<R>)> + Clone>,
) -> Vec<u8> {
    let mut text = format!(
        "{{\"version\":{},\"generation\":{},",
        R::VERSION,
        content.generation
    );
    for (name, value) in content.extra {
        text.push_str(&format!("{}:{},", quoted(name), value.text()));
    }
    text.push_str("\"entries\":{");
    let mut checksum = Hasher::new();
    checksum.update(text.as_bytes());
    let line_of = |(id, stored): (_, &'s Stored<R>)| stored.line(|record| line_of(id, record));
    let lines = content.entries.map(line_of);
    let len: usize = lines.clone().map(|line| line.len() + ",\n".len()).sum();
    text.reserve(len + "\n}".len() + CHECKSUM.len() + CHECKSUM_LEN + END.len());
    for (number, line) in lines.enumerate() {
        text.push_str(if number == 0 { "\n" } else { ",\n" });
        text.push_str(line);
        checksum.update(stated_sum(line).unwrap_or_default().1.as_bytes());
    }
    text.push_str("\n}");
    text.push_str(CHECKSUM);
    text.push_str(&checksum.finish().to_string());
    text.push_str(END);
    text.into_bytes()
}

/// The line of an entry, without what separates it from the next: its own checksum is the last
/// field, so that recovery can tell a good line from a bad one.
fn line_of<R: Record>(id: &str, record: &R) -> String {
    let record = serde_json::to_string(record)
        .expect("a record has text keys and plain values, which JSON holds");
    let open = record.strip_suffix('}').expect("a record is a JSON object");
    let mut line = format!("{}:{open}", quoted(id));
    let sum = sum_of(&line);
    line.push_str(SUM);
    line.extend(sum.map(char::from));
    line.push_str("\"}");
    line
}

/// The sum that an entry's line states, if it is right.
pub(super) fn right_sum(line: &str) -> Option<&str> {
    let (content, stated) = stated_sum(line)?;
    (sum_of(content) == stated.as_bytes()).then_some(stated)
}

/// What an entry's line states a sum of, and the sum.
fn stated_sum(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_suffix("\"}")?;
    let (rest, stated) = rest.split_at_checked(rest.len().checked_sub(SUM_LEN)?)?;
    Some((rest.strip_suffix(SUM)?, stated))
}

/// The digits of the sum.
fn sum_of(content: &str) -> [u8; SUM_LEN] {
    let mut digits = [0; SUM_LEN];
    hex::encode_to_slice(&sha256(content.as_bytes())[..SUM_LEN / 2], &mut digits)
        .expect("two digits stand for a byte");
    digits
}

/// A text as JSON writes it.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
