//! Reads format 0, a plain map from id to entry. Tools before the first release wrote it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::entries::Entry;
use super::line::{quoted, read_record};
use super::record::Record;
use super::unreadable::{Unreadable, damaged};
use crate::root::StoreRoot;

/// Returns true if a text is a JSON object without a version, like format 0.
pub(super) fn is_format_0(text: &str) -> bool {
    matches!(version_of(text), Ok(None))
}

/// The entries that could be read, and the text of each entry that could not be read.
type Format0<R> = (Vec<Entry<R>>, Vec<(String, Unreadable)>);

/// Reads format 0, a plain map from id to entry. An entry may repeat its id. A damaged entry does
/// not affect the others.
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
pub(super) fn version_of(text: &str) -> Result<Option<u64>, Unreadable> {
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
            // This is format 0 with an entry of the id `version`.
            None if version.is_object() => Ok(None),
            None => Err(damaged("its version is no whole number")),
        },
    }
}

/// A map that refuses a duplicate id. Other JSON readers usually keep the last value.
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
                            "entry {id:?} is a duplicate"
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
