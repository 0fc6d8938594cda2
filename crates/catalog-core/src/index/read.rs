//! Reads the bytes of an index file, of any version that this release knows. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::format::{self, Lines, Unproved};
use super::object::{Object, read_object};
use super::record::{ExtraFields, Record, extra_fields};
use super::snapshot::{Entries, Snapshot, Stored};
use crate::root::StoreRoot;

/// The fields of the first line that this release knows.
const ENVELOPE: [&str; 4] = ["version", "generation", "entries", "checksum"];

/// Why bytes are not an index that this release can read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// Some of it is not what was written.
    Damaged(String),
    /// A newer release wrote it.
    TooNew(u64),
}

/// What an index is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Reading,
    /// Each entry keeps its line, at the cost of its length in memory: most are written again.
    Writing,
}

/// Reads an index of the current format or of format 0.
pub(super) fn read<R: Record>(
    bytes: &[u8],
    root: &StoreRoot,
    purpose: Purpose,
) -> Result<Snapshot<R>, Unreadable> {
    let text = str::from_utf8(bytes).map_err(damaged)?;
    match format::lines(text) {
        Ok(lines) => read_current(&lines, root, purpose).or_else(|why| match version_of(text)? {
            Some(version) if version > R::VERSION => Err(Unreadable::TooNew(version)),
            _ => Err(why),
        }),
        Err(found) => match version_of(text)? {
            Some(version) if version > R::VERSION => Err(Unreadable::TooNew(version)),
            Some(_) => Err(damaged(match found {
                Unproved::NoChecksum => "its checksum is missing or not at its end",
                Unproved::WrongChecksum => "its checksum does not match its content",
            })),
            None if found == Unproved::NoChecksum => read_format_0(text, root),
            None => Err(damaged("its checksum does not match its content")),
        },
    }
}

fn read_current<R: Record>(
    lines: &Lines<'_>,
    root: &StoreRoot,
    purpose: Purpose,
) -> Result<Snapshot<R>, Unreadable> {
    let head = read_head(lines.head)?;
    if head.version != R::VERSION {
        let version = head.version;
        return Err(damaged(format!("there was no schema version {version}")));
    }
    let mut entries = Vec::with_capacity(lines.entries.len());
    for line in &lines.entries {
        let (id, record) = read_entry(line, root)?;
        let stored = match purpose {
            Purpose::Reading => Stored::new(record),
            Purpose::Writing => Stored::with_line(record, line),
        };
        entries.push((id, stored));
    }
    if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        let id = &pair[1].0;
        return Err(damaged(format!(
            "entry {id:?} is there twice, or not in its place"
        )));
    }
    Ok(Snapshot {
        generation: head.generation,
        entries: entries.into_iter().collect(),
        extra: head.extra,
    })
}

/// What the first line of an index says.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    version: u64,
    pub(super) generation: u64,
    /// Fields of a newer release.
    pub(super) extra: ExtraFields,
}

impl Head {
    /// What the first line of a file of this content says.
    pub(super) fn of<R: Record>(snapshot: &Snapshot<R>) -> Self {
        Self {
            version: R::VERSION,
            generation: snapshot.generation,
            extra: snapshot.extra.clone(),
        }
    }
}

/// Reads the first line.
pub(super) fn read_head(line: &str) -> Result<Head, Unreadable> {
    #[derive(Deserialize)]
    struct Known {
        #[serde(default)]
        version: u64,
        generation: u64,
    }
    let closed = format!("{line}}}}}");
    let known: Known = serde_json::from_str(&closed).map_err(damaged)?;
    Ok(Head {
        version: known.version,
        generation: known.generation,
        extra: extra_fields(&closed, &ENVELOPE).map_err(damaged)?,
    })
}

/// Reads one line of an entry, if it is as it was written.
pub(super) fn read_line<R: Record>(line: &str, root: &StoreRoot) -> Option<(Arc<str>, R)> {
    format::right_sum(line)?;
    read_entry(line, root).ok()
}

fn read_entry<R: Record>(line: &str, root: &StoreRoot) -> Result<(Arc<str>, R), Unreadable> {
    let (id, rest) = split_id(line).ok_or_else(|| damaged("a line of it begins with no id"))?;
    if id.is_empty() {
        return Err(damaged("an entry's id is empty"));
    }
    let object = rest.strip_prefix(':').unwrap_or_default();
    let record = read_record(&id, object, root)?;
    Ok((id.into(), record))
}

/// The id with which a line begins, whether or not the rest of it is whole.
pub(super) fn id_of_line(line: &str) -> Option<String> {
    split_id(line).map(|(id, _)| id.into_owned())
}

fn split_id(line: &str) -> Option<(Cow<'_, str>, &str)> {
    #[derive(Deserialize)]
    struct Id<'t>(#[serde(borrow)] Cow<'t, str>);

    let mut values = serde_json::Deserializer::from_str(line).into_iter::<Id<'_>>();
    let Id(id) = values.next()?.ok()?;
    Some((id, line.get(values.byte_offset()..)?))
}

fn read_record<R: Record>(id: &str, object: &str, root: &StoreRoot) -> Result<R, Unreadable> {
    let wrong = |why: &dyn fmt::Display| damaged(format!("entry {id:?} {why}"));
    let Object {
        mut record,
        id: inner,
        extra,
    } = read_object::<R>(object).map_err(|error| wrong(&format_args!("is not one: {error}")))?;
    if inner.is_some_and(|inner| inner != id) {
        return Err(wrong(&"calls itself by another id"));
    }
    *record.extra() = extra;
    record.normalise(root).map_err(|why| wrong(&why))?;
    Ok(record)
}

/// Format 0: a bare map from id to entry, as tools before the first release wrote it. An entry may
/// repeat its id.
fn read_format_0<R: Record>(text: &str, root: &StoreRoot) -> Result<Snapshot<R>, Unreadable> {
    let raw: UniqueEntries<'_> = serde_json::from_str(text).map_err(damaged)?;
    let mut entries = Entries::new();
    for (id, object) in raw.0 {
        let record = read_record(&id, object.get(), root)?;
        entries.insert(id.into(), Stored::new(record));
    }
    Ok(Snapshot {
        generation: 0,
        entries,
        extra: ExtraFields::new(),
    })
}

/// The `version` field, if the text is a JSON object at all.
fn version_of(text: &str) -> Result<Option<u64>, Unreadable> {
    #[derive(Deserialize)]
    struct Versioned {
        version: Option<serde_json::Value>,
    }
    if text.is_empty() {
        return Err(damaged("it is empty"));
    }
    let Versioned { version } = serde_json::from_str(text).map_err(damaged)?;
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
