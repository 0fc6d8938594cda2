//! The fields that a record declares are those of its type.

use serde::Deserializer;
use serde::de::{DeserializeOwned, Error as _, Visitor, value::Error};

use super::engine_record::EngineRecord;
use super::model_record::ModelRecord;
use super::pin_record::PinRecord;
use crate::index::Record;

/// Keeps the names of the fields for which a type asks, and fails.
struct FieldNames<'n>(&'n mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("only the names of the fields are asked for"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("a record is a struct"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn fields_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &[&str] = &[];
    drop(T::deserialize(FieldNames(&mut names)));
    names
}

/// CAT-414
#[test]
fn a_record_declares_each_field_of_its_type() {
    assert_eq!(ModelRecord::FIELDS, fields_of::<ModelRecord>());
    assert_eq!(EngineRecord::FIELDS, fields_of::<EngineRecord>());
    assert_eq!(PinRecord::FIELDS, fields_of::<PinRecord>());
}
