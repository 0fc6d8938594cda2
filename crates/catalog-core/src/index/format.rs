//! The bytes of an index file, as `.specs/index-format.md` specifies them. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::record::{Record, Unknown};
use super::snapshot::{Snapshot, Stored};
use crate::digest::Hasher;
use crate::disk::StoreRoot;

/// What stands between the entries and the end: the checksum of all bytes before this.
const CHECKSUM: &str = ",\"checksum\":\"";
const END: &str = "\"}\n";
/// `sha256:` and 64 digits.
const CHECKSUM_LEN: usize = 71;
/// What stands between the fields of an entry and its end: the checksum of its line before this.
const SUM: &str = ",\"sum\":\"";
/// The first 8 bytes of a SHA-256.
const SUM_LEN: usize = 16;

/// Why bytes are not an index that this release can read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Some of it is not what was written.
    Damaged(String),
    /// A newer release wrote it.
    TooNew(u64),
}

/// The bytes of a snapshot in the current format: one entry a line, sorted by id.
pub(super) fn write<R: Record>(snapshot: &Snapshot<R>) -> Vec<u8> {
    let mut text = format!(
        "{{\"version\":{},\"generation\":{},",
        R::VERSION,
        snapshot.generation
    );
    for (name, value) in &snapshot.unknown {
        text.push_str(&format!("{}:{value},", quoted(name)));
    }
    text.push_str("\"entries\":{");
    for (number, (id, stored)) in snapshot.entries.iter().enumerate() {
        text.push_str(if number == 0 { "\n" } else { ",\n" });
        text.push_str(stored.line(|record| line_of(id, record)));
    }
    text.push_str("\n}");
    let checksum = checksum_of(text.as_bytes());
    text.push_str(CHECKSUM);
    text.push_str(&checksum);
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
    let rest = line.strip_suffix(b"\"}")?;
    let (rest, stated) = rest.split_at_checked(rest.len().checked_sub(SUM_LEN)?)?;
    let content = rest.strip_suffix(SUM.as_bytes())?;
    if sum_of(content).as_bytes() != stated {
        return None;
    }
    let object = [b"{", line, b"}"].concat();
    let entries: UniqueEntries<R> = serde_json::from_slice(&object).ok()?;
    let (id, mut record) = entries.0.into_iter().next()?;
    read_back(&mut record, root).ok()?;
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
        #[serde(rename = "version")]
        _version: u64,
        generation: u64,
        #[serde(rename = "entries")]
        _entries: serde::de::IgnoredAny,
        #[serde(flatten)]
        unknown: Unknown,
    }
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let head: Head = serde_json::from_slice(&[line, b"}}"].concat()).ok()?;
    Some((head.generation, head.unknown))
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
    #[serde(bound = "R: DeserializeOwned")]
    struct Envelope<R> {
        version: u64,
        generation: u64,
        entries: UniqueEntries<R>,
        #[serde(rename = "checksum")]
        _checksum: String,
        #[serde(flatten)]
        unknown: Unknown,
    }
    let envelope: Envelope<R> = match serde_json::from_slice(bytes) {
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
    snapshot(
        envelope.generation,
        envelope.entries,
        envelope.unknown,
        root,
    )
}

/// Format 0: a bare map from id to entry, as tools before the first release wrote it. An entry may
/// repeat its id.
fn read_format_0<R: Record>(bytes: &[u8], root: &StoreRoot) -> Result<Snapshot<R>, Unreadable> {
    let mut entries: UniqueEntries<R> = serde_json::from_slice(bytes).map_err(damaged)?;
    for (id, record) in &mut entries.0 {
        if record
            .unknown()
            .remove("id")
            .is_some_and(|inner| inner != id.as_str())
        {
            return Err(damaged(format!("entry {id:?} calls itself by another id")));
        }
    }
    snapshot(0, entries, Unknown::new(), root)
}

fn snapshot<R: Record>(
    generation: u64,
    entries: UniqueEntries<R>,
    unknown: Unknown,
    root: &StoreRoot,
) -> Result<Snapshot<R>, Unreadable> {
    let mut stored = BTreeMap::new();
    for (id, mut record) in entries.0 {
        read_back(&mut record, root).map_err(|rule| damaged(format!("entry {id:?} {rule}")))?;
        stored.insert(id.into(), Stored::new(record));
    }
    Ok(Snapshot {
        generation,
        entries: stored,
        unknown,
    })
}

/// Brings a record that was read into the form in which it is held.
fn read_back<R: Record>(record: &mut R, root: &StoreRoot) -> Result<(), &'static str> {
    record.unknown().remove("sum");
    record.normalise(root)
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
        Some((content, stated)) if checksum_of(content).as_bytes() == stated => Checksum::Right,
        Some(_) => Checksum::Wrong,
    }
}

fn checksum_of(content: &[u8]) -> String {
    let mut hasher = Hasher::new();
    hasher.update(content);
    hasher.finish().to_string()
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
struct UniqueEntries<R>(BTreeMap<String, R>);

impl<'de, R: DeserializeOwned> Deserialize<'de> for UniqueEntries<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EachOnce<R>(PhantomData<R>);

        impl<'de, R: DeserializeOwned> Visitor<'de> for EachOnce<R> {
            type Value = UniqueEntries<R>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from id to entry")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some(id) = map.next_key::<String>()? {
                    if id.is_empty() {
                        return Err(A::Error::custom("an entry's id is empty"));
                    }
                    if entries.contains_key(&id) {
                        return Err(A::Error::custom(format_args!(
                            "entry {id:?} is there twice"
                        )));
                    }
                    let record = map.next_value()?;
                    entries.insert(id, record);
                }
                Ok(UniqueEntries(entries))
            }
        }

        deserializer.deserialize_map(EachOnce(PhantomData))
    }
}
