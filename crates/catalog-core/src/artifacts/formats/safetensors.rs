//! The header of a safetensors file: a length of 8 bytes and a JSON text of that length. The bytes
//! of the tensors follow it. See <https://huggingface.co/docs/safetensors>.

use std::fmt;
use std::io::Read;

use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, MapAccess, Visitor};

use super::bounded::Bounded;
use super::names::Names;
use super::problem::{Checked, Problem};
use crate::error::Result;

/// The maximum length of a header in this format.
const MAX_HEADER: u64 = 100_000_000;

#[derive(Deserialize)]
struct Tensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// Checks the header of a file of `size` bytes. An error of `check` ends the reading.
pub(super) fn check(
    file: &mut impl Read,
    size: u64,
    check: &dyn Fn() -> Result<()>,
) -> Result<Checked> {
    if size == 0 {
        return Ok(Err("it is empty".to_owned()));
    }
    let mut begin = [0; 9];
    let has_begin = file.read_exact(&mut begin).is_ok();
    let [length @ .., first] = begin;
    let length = u64::from_le_bytes(length);
    if !has_begin || (first != b'{' && length > MAX_HEADER) {
        return Ok(Ok(vec![
            "it does not begin as a safetensors file does: its content was not checked".to_owned(),
        ]));
    }
    let data = size
        .checked_sub(8)
        .and_then(|rest| rest.checked_sub(length));
    let (Some(data), true, true) = (data, length <= MAX_HEADER, first == b'{') else {
        return Ok(Err(format!(
            "its header of {length} bytes does not fit its {size} bytes: the file is cut off, or damaged"
        )));
    };
    let header = (&[b'{'][..]).chain(file.take(length - 1));
    let mut bounded = Bounded::new(header, check);
    let mut reader = serde_json::Deserializer::from_reader(&mut bounded);
    let read = reader
        .deserialize_map(Header { data })
        .and_then(|found| reader.end().map(|()| found));
    if let Some(error) = bounded.ended {
        return Err(error);
    }
    Ok(match read {
        Ok((spans, notes)) => all_covered(spans, data).map(|()| notes),
        Err(error) if error.is_eof() => Err("its header is cut off".to_owned()),
        Err(error) => Err(format!("its header is wrong: {error}")),
    })
}

/// Checks that the tensors fill all bytes after the header, without overlaps and holes.
fn all_covered(mut spans: Vec<(u64, u64)>, data: u64) -> Result<(), Problem> {
    spans.sort_unstable();
    let mut end = 0;
    for (from, to) in spans {
        if from != end {
            return Err(format!(
                "a tensor begins at {from}, where the last one ends at {end}"
            ));
        }
        end = to;
    }
    match end == data {
        true => Ok(()),
        false => Err(format!("its tensors end at {end} of {data} bytes")),
    }
}

/// Parses the tensors of a header: collects their spans, and notes about unknown types.
struct Header {
    /// The number of bytes after the header.
    data: u64,
}

impl<'de> Visitor<'de> for Header {
    type Value = (Vec<(u64, u64)>, Vec<String>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut spans, mut notes) = (Vec::new(), Vec::new());
        let mut names = Names::default();
        while let Some(name) = map.next_key::<String>()? {
            names.add("entries", &name).map_err(A::Error::custom)?;
            if name == "__metadata__" {
                map.next_value::<Metadata>()?;
                continue;
            }
            let tensor: Tensor = map.next_value()?;
            let [from, to] = tensor.data_offsets;
            if from > to || to > self.data {
                let problem = format!("tensor {name:?} ends at {to} of {} bytes", self.data);
                return Err(A::Error::custom(problem));
            }
            match tensor.bytes() {
                Ok(Some(bytes)) if bytes != to - from => {
                    let held = to - from;
                    return Err(A::Error::custom(format!(
                        "tensor {name:?} has {held} bytes, where its shape and type need {bytes}"
                    )));
                }
                Ok(Some(_)) => {}
                Ok(None) if notes.len() < 16 => notes.push(format!(
                    "tensor {name:?} has the type {:?}, which is not known: its size was not checked",
                    tensor.dtype
                )),
                Ok(None) => {}
                Err(problem) => return Err(A::Error::custom(format!("tensor {name:?} {problem}"))),
            }
            spans.push((from, to));
        }
        Ok((spans, notes))
    }
}

/// The metadata of a header: an object of texts, or null. The texts are not kept.
#[derive(Deserialize)]
struct Metadata(#[expect(dead_code, reason = "only its form is checked")] Option<Texts>);

struct Texts;

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<String, String>()?.is_some() {}
                Ok(Texts)
            }
        }

        deserializer.deserialize_map(Each)
    }
}

impl Tensor {
    /// Returns the number of bytes that the shape and the type of the tensor need, or `None` for an
    /// unknown type.
    fn bytes(&self) -> Result<Option<u64>, &'static str> {
        const TOO_MANY: &str = "has a number of elements that overflows";
        let bits = match self.dtype.as_str() {
            "F4" => 4,
            "F6_E2M3" | "F6_E3M2" => 6,
            "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" => 8,
            "I16" | "U16" | "F16" | "BF16" => 16,
            "I32" | "U32" | "F32" => 32,
            "I64" | "U64" | "F64" | "C64" => 64,
            _ => return Ok(None),
        };
        let mut product = self
            .shape
            .iter()
            .try_fold(1_u64, |all, n| all.checked_mul(*n));
        product = product.and_then(|elements| elements.checked_mul(bits));
        match product.ok_or(TOO_MANY)? {
            bits if bits % 8 == 0 => Ok(Some(bits / 8)),
            _ => Err("does not end with a whole byte"),
        }
    }
}
