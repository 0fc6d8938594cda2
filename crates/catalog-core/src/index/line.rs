//! The line of an entry in an index file, with the sum at its end.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::entries::Entry;
use super::record::Record;
use super::unreadable::{Unreadable, damaged};
use crate::digest::sha256;
use crate::root::StoreRoot;

/// The text before the sum of an entry. The sum is the checksum of the line up to this text.
const SUM: &str = ",\"sum\":\"";
/// The number of digits of a sum: the first 8 bytes of a SHA-256.
pub(super) const SUM_LEN: usize = 16;
const LINE_END: &str = "\"}";
/// The minimum length of a line that can hold a sum.
pub(super) const LINE_MIN: usize = SUM.len() + SUM_LEN + LINE_END.len();

/// Returns the line of an entry with this id and JSON object, without a separator. `extra` has the
/// fields of a newer release, each with a comma before it. The sum is the last field, so that
/// recovery can distinguish an intact line from a damaged line.
pub(super) fn line_of(id: &str, object: &str, extra: &str) -> String {
    let open = object.strip_suffix('}').expect("a record is a JSON object");
    let mut line = format!("{}:{open}{extra}", quoted(id));
    let sum = sum_of(&line);
    line.push_str(SUM);
    line.extend(sum.map(char::from));
    line.push_str(LINE_END);
    line
}

/// Returns the sum of the line that ends at `end`.
pub(super) fn sum_at(text: &[u8], end: usize) -> &[u8] {
    let sum = end - LINE_END.len();
    &text[sum - SUM_LEN..sum]
}

/// Returns true if the sum in the line of an entry is correct.
pub(super) fn is_sum_right(line: &str) -> bool {
    line.strip_suffix(LINE_END)
        .and_then(|rest| rest.split_at_checked(rest.len().checked_sub(SUM_LEN)?))
        .and_then(|(rest, stated)| Some((rest.strip_suffix(SUM)?, stated)))
        .is_some_and(|(content, stated)| sum_of(content) == stated.as_bytes())
}

fn sum_of(content: &str) -> [u8; SUM_LEN] {
    let mut digits = [0; SUM_LEN];
    hex::encode_to_slice(&sha256(content.as_bytes())[..SUM_LEN / 2], &mut digits)
        .expect("two digits stand for a byte");
    digits
}

/// Returns a text as a JSON string, in quotes.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Reads the line of an entry, if its sum is correct.
pub(super) fn read_intact_line<R: Record>(line: &str, root: &StoreRoot) -> Option<Entry<R>> {
    is_sum_right(line).then(|| read_line(line, root).ok())?
}

pub(super) fn read_line<R: Record>(line: &str, root: &StoreRoot) -> Result<Entry<R>, Unreadable> {
    let (id, rest) = split_id(line).ok_or_else(|| damaged("one of its lines has no id"))?;
    let object = rest.strip_prefix(':').unwrap_or_default();
    read_record(&id, object, root)
}

pub(super) fn read_record<R: Record>(
    id: &str,
    object: &str,
    root: &StoreRoot,
) -> Result<Entry<R>, Unreadable> {
    let wrong = |why: &dyn fmt::Display| damaged(format!("entry {id:?} {why}"));
    if id.is_empty() {
        return Err(damaged("an entry's id is empty"));
    }
    if object.contains("\"id\":") && states_other_id(object, id) {
        return Err(wrong(&"states another id in its object"));
    }
    let mut record: R = serde_json::from_str(object)
        .map_err(|error| wrong(&format_args!("is not an entry: {error}")))?;
    record.normalise(root).map_err(|why| wrong(&why))?;
    Ok(Entry {
        id: id.into(),
        record: Arc::new(record),
    })
}

/// Returns true if the object of an entry states another id than the entry has. In format 0, an
/// object may state the id.
fn states_other_id(object: &str, id: &str) -> bool {
    #[derive(Deserialize)]
    struct Inner {
        id: Option<String>,
    }
    let inner = serde_json::from_str::<Inner>(object);
    inner.is_ok_and(|inner| inner.id.is_some_and(|inner| inner != id))
}

/// Returns the line of an entry. Keeps the fields of a newer release that the line `before` has.
pub(super) fn line<R: Record>(id: &str, record: &R, before: Option<&str>) -> String {
    let object = serde_json::to_string(record)
        .expect("a record has text keys and plain values, which JSON holds");
    let extra = before.map(extra_fields::<R>).unwrap_or_default();
    line_of(id, &object, &extra)
}

/// Returns the fields of a line that this release does not know, each with a comma before it.
fn extra_fields<R: Record>(line: &str) -> String {
    let object = split_id(line).and_then(|(_, rest)| rest.strip_prefix(':'));
    let known = |name: &str| R::FIELDS.contains(&name) || name == "sum";
    let fields = object.and_then(|object| fields_except(object, known).ok());
    let fields = fields.unwrap_or_default().into_iter();
    fields
        .map(|(name, value)| format!(",{}:{}", quoted(&name), value.get()))
        .collect()
}

/// Returns the unknown fields of a JSON object, with the exact text of their values.
pub(super) fn fields_except(
    object: &str,
    is_known: impl Fn(&str) -> bool,
) -> serde_json::Result<BTreeMap<String, Box<RawValue>>> {
    let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(object)?;
    fields.retain(|name, _| !is_known(name));
    Ok(fields)
}

/// Returns the id at the beginning of a line, even if the rest of the line is damaged.
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
