//! The bytes of an index file, as `.specs/index-format.md` specifies them. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::record::{Record, Unknown, unknown_fields};
use super::snapshot::{Content, Entries, Snapshot, Stored};
use crate::digest::Hasher;
use crate::disk::StoreRoot;

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
const SUM_FIELD: &str = "sum";
/// The fields of the envelope that this release knows.
const ENVELOPE: [&str; 4] = ["version", "generation", "entries", "checksum"];

/// Why bytes are not an index that this release can read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Some of it is not what was written.
    Damaged(String),
    /// A newer release wrote it.
    TooNew(u64),
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
    for (name, value) in content.unknown {
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
        checksum.update(stated_sum(line.as_bytes()).unwrap_or_default().1);
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
    let sum = sum_of(line.as_bytes());
    line.push_str(&format!("{SUM}{sum}\"}}"));
    line
}

/// Reads one line of an entry, if it is as it was written.
pub(super) fn read_line<R: Record>(line: &[u8], root: &StoreRoot) -> Option<(String, R)> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b",").unwrap_or(line);
    right_sum(line)?;
    let object = format!("{{{}}}", str::from_utf8(line).ok()?);
    let raw: UniqueEntries<'_> = serde_json::from_str(&object).ok()?;
    let (id, object) = raw.0.into_iter().next()?;
    let record = read_record(&id, object.get(), root).ok()?;
    Some((id, record))
}

/// The id with which a line begins, whether or not the rest of it is whole.
pub(super) fn id_of_line(line: &[u8]) -> Option<String> {
    let mut values = serde_json::Deserializer::from_slice(line).into_iter::<String>();
    values.next()?.ok()
}

/// Reads the first line: generation and envelope fields of a newer release.
pub(super) fn read_head(line: &[u8]) -> Option<(u64, Unknown)> {
    #[derive(Deserialize)]
    struct Head {
        generation: u64,
    }
    let line = str::from_utf8(line).ok()?;
    let object = format!("{}}}}}", line.strip_suffix('\n').unwrap_or(line));
    let unknown = unknown_fields(&object, &ENVELOPE).ok()?;
    let head: Head = serde_json::from_str(&object).ok()?;
    Some((head.generation, unknown))
}

/// Reads an index of the current format or of format 0.
pub(super) fn read<R: Record>(bytes: &[u8], root: &StoreRoot) -> Result<Snapshot<R>, Unreadable> {
    match check_sum(bytes) {
        Checksum::Right => read_current(bytes, root),
        found => match version_of(bytes)? {
            Some(version) if version > R::VERSION => Err(Unreadable::TooNew(version)),
            Some(_) => Err(damaged(match found {
                Checksum::Missing => "its checksum is missing or not at its end",
                _ => "its checksum does not match its content",
            })),
            None if found == Checksum::Missing => read_format_0(bytes, root),
            None => Err(damaged("its checksum does not match its content")),
        },
    }
}

fn read_current<R: Record>(bytes: &[u8], root: &StoreRoot) -> Result<Snapshot<R>, Unreadable> {
    #[derive(Deserialize)]
    struct Envelope<'b> {
        version: u64,
        generation: u64,
        #[serde(borrow)]
        entries: &'b RawValue,
    }
    let text = str::from_utf8(bytes).map_err(damaged)?;
    let envelope: Envelope<'_> = match serde_json::from_str(text) {
        Ok(envelope) => envelope,
        Err(error) => {
            return Err(match version_of(bytes)? {
                Some(version) if version > R::VERSION => Unreadable::TooNew(version),
                _ => damaged(error),
            });
        }
    };
    match envelope.version {
        version if version == R::VERSION => {}
        version if version > R::VERSION => return Err(Unreadable::TooNew(version)),
        version => return Err(damaged(format!("there was no schema version {version}"))),
    }
    Ok(Snapshot {
        generation: envelope.generation,
        entries: read_entries(envelope.entries.get(), root)?,
        unknown: unknown_fields(text, &ENVELOPE).map_err(damaged)?,
    })
}

/// Format 0: a bare map from id to entry, as tools before the first release wrote it. An entry may
/// repeat its id.
fn read_format_0<R: Record>(bytes: &[u8], root: &StoreRoot) -> Result<Snapshot<R>, Unreadable> {
    let text = str::from_utf8(bytes).map_err(damaged)?;
    Ok(Snapshot {
        generation: 0,
        entries: read_entries(text, root)?,
        unknown: Unknown::new(),
    })
}

fn read_entries<R: Record>(text: &str, root: &StoreRoot) -> Result<Entries<R>, Unreadable> {
    let raw: UniqueEntries<'_> = serde_json::from_str(text).map_err(damaged)?;
    let mut entries = Entries::new();
    for (id, object) in raw.0 {
        let record = read_record(&id, object.get(), root)
            .map_err(|why| damaged(format!("entry {id:?} {why}")))?;
        entries.insert(id.into(), Stored::new(record));
    }
    Ok(entries)
}

fn read_record<R: Record>(id: &str, object: &str, root: &StoreRoot) -> Result<R, String> {
    let mut record: R =
        serde_json::from_str(object).map_err(|error| format!("is not one: {error}"))?;
    let mut unknown = unknown_fields(object, R::FIELDS).map_err(|error| error.to_string())?;
    unknown.remove(SUM_FIELD);
    if unknown
        .remove("id")
        .is_some_and(|inner| inner.text() != quoted(id))
    {
        return Err("calls itself by another id".to_owned());
    }
    *record.unknown() = unknown;
    record.normalise(root)?;
    Ok(record)
}

/// The `version` field, if the bytes are a JSON object at all.
fn version_of(bytes: &[u8]) -> Result<Option<u64>, Unreadable> {
    #[derive(Deserialize)]
    struct Versioned {
        version: Option<serde_json::Value>,
    }
    if bytes.is_empty() {
        return Err(damaged("it is empty"));
    }
    let Versioned { version } = serde_json::from_slice(bytes).map_err(damaged)?;
    match version {
        None => Ok(None),
        Some(version) => match version.as_u64() {
            Some(version) => Ok(Some(version)),
            // Format 0 with an entry of that id.
            None if version.is_object() => Ok(None),
            None => Err(damaged("its version is no whole number")),
        },
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Checksum {
    Right,
    Wrong,
    Missing,
}

fn check_sum(bytes: &[u8]) -> Checksum {
    let parts = bytes.strip_suffix(END.as_bytes()).and_then(|rest| {
        let (rest, stated) = rest.split_at_checked(rest.len().checked_sub(CHECKSUM_LEN)?)?;
        Some((rest.strip_suffix(CHECKSUM.as_bytes())?, stated))
    });
    match parts {
        None => Checksum::Missing,
        Some((content, stated)) => match checksum_of(content) {
            Some(checksum) if checksum.as_bytes() == stated => Checksum::Right,
            _ => Checksum::Wrong,
        },
    }
}

/// The checksum of what stands before it: of the first line and the sums of the entries, in order.
/// None if an entry is not as its sum says, or something is not where it belongs.
fn checksum_of(content: &[u8]) -> Option<String> {
    let mut lines = content
        .strip_suffix(b"\n}")?
        .split(|byte| *byte == b'\n')
        .peekable();
    let mut checksum = Hasher::new();
    checksum.update(lines.next()?);
    while let Some(line) = lines.next() {
        let is_last = lines.peek().is_none();
        let line = if is_last {
            line
        } else {
            line.strip_suffix(b",")?
        };
        checksum.update(right_sum(line)?);
    }
    Some(checksum.finish().to_string())
}

/// The sum that an entry's line states, if it is right.
fn right_sum(line: &[u8]) -> Option<&[u8]> {
    let (content, stated) = stated_sum(line)?;
    (sum_of(content).as_bytes() == stated).then_some(stated)
}

/// What an entry's line states a sum of, and the sum.
fn stated_sum(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = line.strip_suffix(b"\"}")?;
    let (rest, stated) = rest.split_at_checked(rest.len().checked_sub(SUM_LEN)?)?;
    Some((rest.strip_suffix(SUM.as_bytes())?, stated))
}

fn sum_of(content: &[u8]) -> String {
    let mut hasher = Hasher::new();
    hasher.update(content);
    let mut sum = hasher.finish().value;
    sum.truncate(SUM_LEN);
    sum
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn damaged(detail: impl fmt::Display) -> Unreadable {
    Unreadable::Damaged(detail.to_string())
}

/// A map that holds no id twice; JSON readers commonly keep the last in silence.
struct UniqueEntries<'t>(BTreeMap<String, &'t RawValue>);

impl<'de> Deserialize<'de> for UniqueEntries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EachOnce;

        impl<'de> Visitor<'de> for EachOnce {
            type Value = UniqueEntries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from id to entry")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((id, object)) = map.next_entry::<String, &'de RawValue>()? {
                    if id.is_empty() {
                        return Err(A::Error::custom("an entry's id is empty"));
                    }
                    if entries.contains_key(&id) {
                        return Err(A::Error::custom(format_args!(
                            "entry {id:?} is there twice"
                        )));
                    }
                    entries.insert(id, object);
                }
                Ok(UniqueEntries(entries))
            }
        }

        deserializer.deserialize_map(EachOnce)
    }
}
