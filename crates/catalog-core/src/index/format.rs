//! Reads and writes the bytes of an index file, in each version that this release knows. This
//! module does no I/O.

use std::ops::Range;

use serde::Deserialize;

use super::composer;
use super::entries::{Entries, Entry};
use super::format_0::{read_format_0, version_of};
use super::line::{fields_except, is_sum_right, line, quoted, read_line};
use super::record::Record;
use super::snapshot::{Head, Snapshot};
use super::text::{IndexText, Unproved};
use super::unreadable::{Unreadable, damaged};
use crate::root::{StoreRoot, Tombstone};

/// The fields of the first line that this release knows.
const HEAD_FIELDS: [&str; 5] = ["version", "generation", "tombstones", "entries", "checksum"];

/// Returns the bytes of an index without entries, the content of the file before its first change.
pub(crate) fn empty_file<R: Record>() -> Vec<u8> {
    let snapshot = compose::<R>(Head::default(), Vec::new());
    snapshot.text.bytes().to_vec()
}

/// Creates an index without entries.
pub(super) fn empty<R: Record>() -> Snapshot<R> {
    compose(Head::default(), Vec::new())
}

/// Composes an index from entries that are sorted by id.
pub(super) fn compose<R: Record>(head: Head, entries: Vec<Entry<R>>) -> Snapshot<R> {
    let head = Head {
        version: R::VERSION,
        ..head
    };
    let lines: Vec<String> = entries
        .iter()
        .map(|entry| line(&entry.id, &*entry.record, None))
        .collect();
    let text = composer::compose(&head_line(&head), lines.iter().map(String::as_str));
    Snapshot {
        head,
        text,
        entries: Entries::new(entries),
    }
}

/// Reads an index of any version up to the current one.
pub(super) fn read<R: Record>(bytes: Vec<u8>, root: &StoreRoot) -> Result<Snapshot<R>, Unreadable> {
    let split = match IndexText::split(bytes) {
        Ok(split) => split,
        Err((bytes, why)) => return read_without_lines(&bytes, why, root),
    };
    let all = 0..split.len();
    let entries = read_lines(&split, all.clone(), root).map(Entries::new);
    assemble(split, entries, all)
}

/// Reads an index that shares lines with the previous one. The shared lines are neither parsed nor
/// hashed.
pub(super) fn read_changed<R: Record>(
    before: &Snapshot<R>,
    bytes: Vec<u8>,
    root: &StoreRoot,
) -> Result<Snapshot<R>, Unreadable> {
    let (split, changed) = match before.text.split_changed(bytes) {
        Ok(split) => split,
        Err((bytes, why)) => return read_without_lines(&bytes, why, root),
    };
    let behind = split.len() - changed.end;
    let shared_end = before.len() - behind;
    let entries = read_lines(&split, changed.clone(), root).map(|middle| {
        let mut entries = before.entries.clone();
        entries.splice(changed.start..shared_end, middle);
        entries
    });
    assemble(split, entries, changed)
}

/// Joins the text of an index with its entries. Checks the first line, the checksum and the order
/// of the entries. Only the order of the `changed` entries is checked.
fn assemble<R: Record>(
    text: IndexText,
    entries: Result<Entries<R>, Unreadable>,
    changed: Range<usize>,
) -> Result<Snapshot<R>, Unreadable> {
    let entries = entries.map_err(|why| explain::<R>(text.bytes(), why))?;
    let with_neighbours = changed.start.saturating_sub(1)..entries.len().min(changed.end + 1);
    let head = check(&text, entries.range(with_neighbours))
        .map_err(|why| explain::<R>(text.bytes(), why))?;
    Ok(Snapshot {
        head,
        text,
        entries,
    })
}

fn check<'e, R: Record>(
    text: &IndexText,
    entries: impl Iterator<Item = &'e Entry<R>>,
) -> Result<Head, Unreadable> {
    if !text.has_right_checksum() {
        return Err(damaged("its checksum does not match its content"));
    }
    let head = read_head(text.head())?;
    if !(1..=R::VERSION).contains(&head.version) {
        let version = head.version;
        return Err(damaged(format!(
            "no release wrote the schema version {version}"
        )));
    }
    let mut before: Option<&str> = None;
    for Entry { id, .. } in entries {
        if before.is_some_and(|before| before >= &**id) {
            return Err(damaged(format!(
                "entry {id:?} is a duplicate or out of order"
            )));
        }
        before = Some(id);
    }
    Ok(head)
}

fn read_lines<R: Record>(
    text: &IndexText,
    numbers: Range<usize>,
    root: &StoreRoot,
) -> Result<Vec<Entry<R>>, Unreadable> {
    let read = |number| {
        let line = text.line(number);
        if !is_sum_right(line) {
            return Err(damaged("its checksum does not match its content"));
        }
        read_line(line, root)
    };
    numbers.map(read).collect()
}

/// Composes the first line.
pub(super) fn head_line(head: &Head) -> String {
    let mut line = format!(
        "{{\"version\":{},\"generation\":{},",
        head.version, head.generation
    );
    if !head.tombstones.is_empty() {
        let tombstones =
            serde_json::to_string(&head.tombstones).expect("a tombstone has only text and numbers");
        line.push_str(&format!("\"tombstones\":{tombstones},"));
    }
    line.push_str(&head.extra);
    line.push_str("\"entries\":{");
    line
}

/// Parses the first line.
pub(super) fn read_head(line: &str) -> Result<Head, Unreadable> {
    #[derive(Deserialize)]
    struct Known {
        version: u64,
        generation: u64,
        #[serde(default)]
        tombstones: Vec<Tombstone>,
    }
    let closed = format!("{line}}}}}");
    let known: Known = serde_json::from_str(&closed).map_err(damaged)?;
    let extra = fields_except(&closed, |name| HEAD_FIELDS.contains(&name)).map_err(damaged)?;
    Ok(Head {
        version: known.version,
        generation: known.generation,
        tombstones: known.tombstones,
        extra: extra
            .into_iter()
            .map(|(name, value)| format!("{}:{},", quoted(&name), value.get()))
            .collect(),
    })
}

/// Reads a file without the current line structure: format 0, a newer version, or a damaged file.
fn read_without_lines<R: Record>(
    bytes: &[u8],
    why: Unproved,
    root: &StoreRoot,
) -> Result<Snapshot<R>, Unreadable> {
    let text = str::from_utf8(bytes).map_err(damaged)?;
    match (version_of(text)?, why) {
        (Some(version), _) if version > R::VERSION => Err(Unreadable::TooNew(version)),
        (Some(_), Unproved::NoChecksum) => {
            Err(damaged("its checksum is missing or not at its end"))
        }
        (None, Unproved::NoChecksum) => {
            let (entries, mut bad) = read_format_0(text, root)?;
            match bad.pop() {
                None => Ok(compose(Head::default(), entries)),
                Some((_, why)) => Err(why),
            }
        }
        (_, Unproved::WrongChecksum) => Err(damaged("its checksum does not match its content")),
    }
}

/// Returns the better of two explanations. A newer version explains all other problems.
fn explain<R: Record>(bytes: &[u8], why: Unreadable) -> Unreadable {
    match str::from_utf8(bytes).map_err(damaged).and_then(version_of) {
        Ok(Some(version)) if version > R::VERSION => Unreadable::TooNew(version),
        Ok(_) => why,
        Err(no_json) => match why {
            Unreadable::Damaged(_) => no_json,
            newer => newer,
        },
    }
}
