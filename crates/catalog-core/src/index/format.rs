//! Reads and writes the bytes of an index file, of any version that this release knows. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::entries::{Entries, Entry};
use super::record::Record;
use super::snapshot::{Head, Snapshot};
use super::text::{IndexText, Unproved, is_sum_right, line_of, quoted};
use crate::root::{StoreRoot, Tombstone};

/// The fields of the first line that this release knows.
const HEAD_FIELDS: [&str; 5] = ["version", "generation", "tombstones", "entries", "checksum"];

/// The reason why bytes are not an index that this release can read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The bytes are not those that were written.
    Damaged(String),
    /// A newer release wrote the bytes.
    TooNew(u64),
}

/// Returns the bytes of an index without entries, as it is before its first change.
pub(crate) fn empty_file<R: Record>() -> Vec<u8> {
    let snapshot = compose::<R>(Head::default(), Vec::new());
    snapshot.text.bytes().to_vec()
}

/// An index without entries.
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
    let text = IndexText::compose(&head_line(&head), lines.iter().map(String::as_str));
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

/// Reads an index that shares lines with the one that was there before: those are neither parsed
/// nor hashed again.
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

/// Joins the text of an index with its entries, if the first line, the checksum and the order of
/// the entries are right. Only the order of the `changed` ones is checked.
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
        return Err(damaged(format!("there was no schema version {version}")));
    }
    let mut before: Option<&str> = None;
    for Entry { id, .. } in entries {
        if before.is_some_and(|before| before >= &**id) {
            return Err(damaged(format!(
                "entry {id:?} is there twice, or not in its place"
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

/// Reads one line of an entry, if its sum is right.
pub(super) fn read_intact_line<R: Record>(line: &str, root: &StoreRoot) -> Option<Entry<R>> {
    is_sum_right(line).then(|| read_line(line, root).ok())?
}

fn read_line<R: Record>(line: &str, root: &StoreRoot) -> Result<Entry<R>, Unreadable> {
    let (id, rest) = split_id(line).ok_or_else(|| damaged("a line of it begins with no id"))?;
    let object = rest.strip_prefix(':').unwrap_or_default();
    read_record(&id, object, root)
}

fn read_record<R: Record>(
    id: &str,
    object: &str,
    root: &StoreRoot,
) -> Result<Entry<R>, Unreadable> {
    let wrong = |why: &dyn fmt::Display| damaged(format!("entry {id:?} {why}"));
    if id.is_empty() {
        return Err(damaged("an entry's id is empty"));
    }
    if object.contains("\"id\":") && states_other_id(object, id) {
        return Err(wrong(&"states another id inside"));
    }
    let mut record: R = serde_json::from_str(object)
        .map_err(|error| wrong(&format_args!("is not an entry: {error}")))?;
    record.normalise(root).map_err(|why| wrong(&why))?;
    Ok(Entry {
        id: id.into(),
        record: Arc::new(record),
    })
}

/// Returns true if the object of an entry states an id that is not the entry's. Format 0 may state
/// one.
fn states_other_id(object: &str, id: &str) -> bool {
    #[derive(Deserialize)]
    struct Inner {
        id: Option<String>,
    }
    let inner = serde_json::from_str::<Inner>(object);
    inner.is_ok_and(|inner| inner.id.is_some_and(|inner| inner != id))
}

/// The line of an entry. Fields of a newer release that the entry before it had are kept.
pub(super) fn line<R: Record>(id: &str, record: &R, before: Option<&str>) -> String {
    let object = serde_json::to_string(record)
        .expect("a record has text keys and plain values, which JSON holds");
    let extra = before.map(extra_fields::<R>).unwrap_or_default();
    line_of(id, &object, &extra)
}

/// The fields of an entry's line that this release does not know, each with a comma in front.
fn extra_fields<R: Record>(line: &str) -> String {
    let object = split_id(line).and_then(|(_, rest)| rest.strip_prefix(':'));
    let known = |name: &str| R::FIELDS.contains(&name) || name == "sum";
    let fields = object.and_then(|object| fields_except(object, known).ok());
    let fields = fields.unwrap_or_default().into_iter();
    fields
        .map(|(name, value)| format!(",{}:{}", quoted(&name), value.get()))
        .collect()
}

/// The fields of a JSON object but the known ones, with their values to the letter.
fn fields_except(
    object: &str,
    is_known: impl Fn(&str) -> bool,
) -> serde_json::Result<BTreeMap<String, Box<RawValue>>> {
    let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(object)?;
    fields.retain(|name, _| !is_known(name));
    Ok(fields)
}

/// Writes the first line.
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

/// Reads the first line.
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

/// Returns the id with which a line begins, also if the rest of the line is damaged.
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

/// Reads a file that is not in the current arrangement: format 0, a newer version, or damage.
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

/// The better of two explanations: a newer version explains whatever else is odd.
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

/// Returns true if a text is a JSON object without a version, as format 0 is.
pub(super) fn is_format_0(text: &str) -> bool {
    matches!(version_of(text), Ok(None))
}

/// The entries that were read, and the text of those that could not be read.
type Format0<R> = (Vec<Entry<R>>, Vec<(String, Unreadable)>);

/// Reads format 0: a bare map from id to entry, as tools before the first release wrote it. An
/// entry may repeat its id. A damaged entry does not affect the others.
pub(super) fn read_format_0<R: Record>(
    text: &str,
    root: &StoreRoot,
) -> Result<Format0<R>, Unreadable> {
    let raw: UniqueEntries<'_> = serde_json::from_str(text).map_err(damaged)?;
    let (mut entries, mut bad) = (Vec::new(), Vec::new());
    for (id, object) in raw.0 {
        match read_record(&id, object.get(), root) {
            Ok(entry) => entries.push(entry),
            Err(why) => bad.push((format!("{}:{}", quoted(&id), object.get()), why)),
        }
    }
    Ok((entries, bad))
}

/// Returns the `version` field, if the text is a JSON object.
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

pub(super) fn damaged(detail: impl fmt::Display) -> Unreadable {
    Unreadable::Damaged(detail.to_string())
}

/// A map that refuses an id that is there twice; other JSON readers commonly keep the last one.
struct UniqueEntries<'t>(BTreeMap<String, &'t RawValue>);

impl<'de> Deserialize<'de> for UniqueEntries<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EachOnce;

        impl<'de> serde::de::Visitor<'de> for EachOnce {
            type Value = UniqueEntries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from id to entry")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((id, object)) = map.next_entry::<String, &'de RawValue>()? {
                    if entries.contains_key(&id) {
                        return Err(serde::de::Error::custom(format_args!(
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
