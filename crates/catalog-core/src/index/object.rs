//! Reads a JSON object in one pass: what a record knows goes to the record, the rest is kept.

use std::fmt;

use serde::Deserializer;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, IgnoredAny, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::value::RawValue;

use super::format::SUM_FIELD;
use super::record::{ExtraFields, RawJson, Record};

/// What an entry's object holds.
pub(super) struct Object<R> {
    pub(super) record: R,
    /// The id by which the object calls itself, as format 0 may.
    pub(super) id: Option<String>,
    /// Fields that the record does not know.
    pub(super) extra: ExtraFields,
}

/// Reads the object of an entry.
pub(super) fn read_object<R: Record>(object: &str) -> serde_json::Result<Object<R>> {
    let mut others = Others::default();
    let mut json = serde_json::Deserializer::from_str(object);
    let record = R::deserialize(Splitting {
        inner: &mut json,
        known: R::FIELDS,
        others: &mut others,
    })?;
    json.end()?;
    Ok(Object {
        record,
        id: others.id,
        extra: others.extra,
    })
}

/// Deserialises the fields that are known, and keeps the others.
struct Splitting<'o, D> {
    inner: D,
    known: &'static [&'static str],
    others: &'o mut Others,
}

#[derive(Default)]
struct Others {
    id: Option<String>,
    extra: ExtraFields,
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Splitting<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_map(Splitting {
            inner: visitor,
            known: self.known,
            others: self.others,
        })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Splitting<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Splitting {
            inner: map,
            known: self.known,
            others: self.others,
        })
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Splitting<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.inner.next_key_seed(NameAmong(self.known))? {
            match name {
                Name::Known(name) => {
                    let name: StrDeserializer<'_, A::Error> = name.into_deserializer();
                    return seed.deserialize(name).map(Some);
                }
                Name::Sum => {
                    self.inner.next_value::<IgnoredAny>()?;
                }
                Name::Id => self.others.id = Some(self.inner.next_value()?),
                Name::ExtraFields(name) => {
                    let value: Box<RawValue> = self.inner.next_value()?;
                    self.others.extra.insert(name, RawJson(value));
                }
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(seed)
    }
}

/// The name of a field of an entry.
enum Name {
    Known(&'static str),
    Sum,
    Id,
    ExtraFields(String),
}

/// Reads a name; these are the known ones.
struct NameAmong(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for NameAmong {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameAmong {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, text: &str) -> Result<Name, E> {
        let known = self.0.iter().find(|known| **known == text);
        Ok(match (known, text) {
            (Some(known), _) => Name::Known(known),
            (None, SUM_FIELD) => Name::Sum,
            (None, "id") => Name::Id,
            (None, _) => Name::ExtraFields(text.to_owned()),
        })
    }
}
