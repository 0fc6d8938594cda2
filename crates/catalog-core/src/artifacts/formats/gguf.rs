//! The header of a GGUF file: counts, key-value pairs, and the place of each tensor. See
//! <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

use std::cell::Cell;
use std::io::{self, Read, Seek};

use super::ggml_types::block_of;
use super::names::Names;
use super::problem::{Checked, Problem};
use crate::error::Result;

/// The maximum number of pairs or tensors. No real model has as many. Each of them takes at least
/// 12 bytes.
const MAX_COUNT: u64 = 1 << 24;

/// The maximum length of a key or a tensor name in this format.
const MAX_NAME: u64 = 65_535;

/// The maximum depth of nested arrays.
const MAX_DEPTH: usize = 8;

/// The maximum number of notes about one file.
const MAX_NOTES: usize = 16;

/// The number of values between two checks of the limits of a call.
const LOOK_EVERY: u32 = 1 << 14;

/// The default alignment of tensors, in bytes.
const ALIGNMENT: u64 = 32;

/// The numbers of the value types that this check distinguishes.
const UINT32: u32 = 4;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// The place of a shard in its set, as far as its header states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::artifacts) struct Split {
    /// The position in the set, counted from 0 (`split.no`).
    pub(in crate::artifacts) number: Option<u64>,
    /// The number of shards in the set (`split.count`).
    pub(in crate::artifacts) count: Option<u64>,
}

/// Reads the pairs of a header until it knows both numbers of the split.
pub(super) fn split(file: &mut (impl Read + Seek), size: u64) -> Result<Split, Problem> {
    let mut reader = Reader {
        file,
        left: size,
        is_over: &|| false,
        unchecked: 0,
    };
    let (_, pairs) = reader.counts()?;
    let mut split = Split::default();
    for _ in 0..pairs {
        let key = reader.text()?;
        let kind = reader.u32()?;
        match key.as_str() {
            "split.no" => split.number = reader.whole_number(kind)?,
            "split.count" => split.count = reader.whole_number(kind)?,
            _ => reader.skip_value(kind, 0)?,
        }
        if split.number.is_some() && split.count.is_some() {
            break;
        }
    }
    Ok(split)
}

/// Checks the header of a file of `size` bytes. An error of `check` ends the reading.
pub(super) fn check(
    file: &mut (impl Read + Seek),
    size: u64,
    check: &dyn Fn() -> Result<()>,
) -> Result<Checked> {
    let mut begin = [0; 8];
    let has_begin = file.read_exact(&mut begin).is_ok() && begin.starts_with(b"GGUF");
    if size == 0 {
        return Ok(Err("it is empty".to_owned()));
    }
    if !has_begin {
        return Ok(Ok(vec![
            "it does not begin as a GGUF file does: its content was not checked".to_owned(),
        ]));
    }
    if file.rewind().is_err() {
        return Ok(Err("its header cannot be read".to_owned()));
    }
    let ended = Cell::new(None);
    let is_over = || match check() {
        Ok(()) => false,
        Err(error) => {
            ended.set(Some(error));
            true
        }
    };
    let checked = check_header(file, size, &is_over);
    match ended.take() {
        Some(error) => Err(error),
        None => Ok(checked),
    }
}

fn check_header(file: &mut (impl Read + Seek), size: u64, is_over: &dyn Fn() -> bool) -> Checked {
    let mut reader = Reader {
        file,
        left: size,
        is_over,
        unchecked: 0,
    };
    let (tensors, pairs) = reader.counts()?;
    let mut alignment = ALIGNMENT;
    let mut names = Names::default();
    for _ in 0..pairs {
        let key = reader.text()?;
        names.add("values", &key)?;
        let kind = reader.u32()?;
        match (key.as_str(), kind) {
            ("general.alignment", UINT32) => alignment = u64::from(reader.u32()?),
            ("general.alignment", _) => {
                return Err(format!(
                    "the type of its `general.alignment` is {kind}, not {UINT32}"
                ));
            }
            _ => reader.skip_value(kind, 0)?,
        }
    }
    if !alignment.is_power_of_two() {
        return Err(format!("its alignment is {alignment}"));
    }
    let (mut last, mut notes) = (0, Vec::new());
    let mut names = Names::default();
    for number in 0..tensors {
        names.add("tensors", &reader.text()?)?;
        let dimensions = reader.u32()?;
        if dimensions > 8 {
            return Err(format!("tensor {number} has {dimensions} dimensions"));
        }
        let (mut elements, mut row) = (1_u64, 1);
        for dimension in 0..dimensions {
            let length = reader.u64()?;
            if dimension == 0 {
                row = length;
            }
            elements = elements
                .checked_mul(length)
                .ok_or_else(|| format!("the number of elements of tensor {number} overflows"))?;
        }
        let kind = reader.u32()?;
        let offset = reader.u64()?;
        if offset % alignment != 0 {
            return Err(format!("tensor {number} does not begin at its alignment"));
        }
        let bytes = match block_of(kind) {
            Some(block) if !block.fills(row) => {
                return Err(format!(
                    "tensor {number} has rows of {row} elements, which is no multiple of the block of type {kind}"
                ));
            }
            Some(block) => block.bytes_of(elements),
            None => {
                if notes.len() < MAX_NOTES {
                    notes.push(format!(
                        "tensor {number} has the type {kind}, which is not known: its size was not checked"
                    ));
                }
                // A tensor of an unknown type has at least one byte, unless it has no elements.
                Some(elements.min(1))
            }
        };
        let end = bytes.and_then(|bytes| offset.checked_add(bytes));
        last = last.max(end.ok_or("the end of a tensor overflows")?);
    }
    let header = size - reader.left;
    let data = header
        .checked_next_multiple_of(alignment)
        .and_then(|begin| size.checked_sub(begin));
    match data.unwrap_or(0) {
        data if last <= data => Ok(notes),
        data => Err(format!(
            "its tensors end at {last} of {data} bytes: the file is cut off"
        )),
    }
}

/// A reader for the header of a file. `left` is the number of bytes that it may still read.
struct Reader<'f, F> {
    file: &'f mut F,
    left: u64,
    /// Returns true if the call must end.
    is_over: &'f dyn Fn() -> bool,
    /// The number of values since the last check of the limits.
    unchecked: u32,
}

impl<F: Read + Seek> Reader<'_, F> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        self.take(N as u64)?;
        let mut bytes = [0; N];
        self.file
            .read_exact(&mut bytes)
            .map_err(|error| format!("its header cannot be read: {error}"))?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, Problem> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, Problem> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// Reads the fixed beginning of the header. Returns the number of tensors and the number of
    /// pairs.
    fn counts(&mut self) -> Result<(u64, u64), Problem> {
        if self.bytes::<4>()? != *b"GGUF" {
            return Err("it does not begin with GGUF".to_owned());
        }
        let version = self.u32()?;
        if !(2..=3).contains(&version) {
            return Err(format!("its version is {version}, not 2 or 3"));
        }
        Ok((self.count("tensors")?, self.count("key-value pairs")?))
    }

    /// Reads a value. Returns it if it is a whole number of at least 0.
    fn whole_number(&mut self, kind: u32) -> Result<Option<u64>, Problem> {
        let signed = |number: i64| u64::try_from(number).ok();
        Ok(match kind {
            0 => Some(u64::from(self.bytes::<1>()?[0])),
            1 => signed(i64::from(i8::from_le_bytes(self.bytes()?))),
            2 => Some(u64::from(u16::from_le_bytes(self.bytes()?))),
            3 => signed(i64::from(i16::from_le_bytes(self.bytes()?))),
            UINT32 => Some(u64::from(self.u32()?)),
            5 => signed(i64::from(i32::from_le_bytes(self.bytes()?))),
            10 => Some(self.u64()?),
            11 => signed(i64::from_le_bytes(self.bytes()?)),
            _ => {
                self.skip_value(kind, 0)?;
                None
            }
        })
    }

    fn count(&mut self, of: &str) -> Result<u64, Problem> {
        match self.u64()? {
            count if count <= MAX_COUNT && count <= self.left / 12 => Ok(count),
            count => Err(format!("its header states {count} {of}, which is too many")),
        }
    }

    fn text(&mut self) -> Result<String, Problem> {
        let length = self.u64()?;
        if length > MAX_NAME {
            return Err(format!("its header states a name of {length} bytes"));
        }
        self.take(length)?;
        let mut text = vec![0; length as usize];
        self.file
            .read_exact(&mut text)
            .map_err(|error| format!("its header cannot be read: {error}"))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn skip_text(&mut self) -> Result<(), Problem> {
        let length = self.u64()?;
        self.skip(length)
    }

    fn skip_value(&mut self, kind: u32, depth: usize) -> Result<(), Problem> {
        match kind {
            STRING => self.skip_text(),
            ARRAY if depth == MAX_DEPTH => Err("its arrays are nested too deeply".to_owned()),
            ARRAY => {
                let kind = self.u32()?;
                let count = self.u64()?;
                match size_of(kind) {
                    Some(size) => {
                        let length = count.checked_mul(size);
                        self.skip(length.ok_or("the length of an array overflows")?)
                    }
                    None => (0..count).try_for_each(|_| self.skip_value(kind, depth + 1)),
                }
            }
            _ => match size_of(kind) {
                Some(size) => self.skip(size),
                None => Err(format!("a value has the unknown type {kind}")),
            },
        }
    }

    fn skip(&mut self, length: u64) -> Result<(), Problem> {
        self.take(length)?;
        let failed = |error: io::Error| format!("its header cannot be read: {error}");
        let length = i64::try_from(length).map_err(|_| "a value is too long".to_owned())?;
        // Unlike `seek`, this keeps the buffer, so it costs nothing inside of the buffered bytes.
        self.file.seek_relative(length).map_err(failed)
    }

    /// Subtracts bytes of the header from those that are left.
    fn take(&mut self, length: u64) -> Result<(), Problem> {
        self.unchecked += 1;
        if self.unchecked >= LOOK_EVERY {
            self.unchecked = 0;
            if (self.is_over)() {
                return Err("the call is to end".to_owned());
            }
        }
        let left = self.left.checked_sub(length);
        self.left = left.ok_or("its header is cut off, or a length in it is wrong")?;
        Ok(())
    }
}

/// Returns the size of a value of a fixed-size type, in bytes.
fn size_of(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}
