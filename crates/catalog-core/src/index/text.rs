//! The text of an index file and the positions of its lines. `.specs/index-format.md` specifies the
//! format.

use std::ops::Range;

use super::difference::{common_prefix, common_suffix};
use super::line::{LINE_MIN, SUM_LEN, sum_at};
use crate::digest::Hasher;

/// The separator between the entries and the end of the file.
pub(super) const BODY_END: &str = "\n}";
/// The text before the checksum. The checksum covers the first line and the sums of the entries, so
/// changing one entry does not hash the other entries again.
pub(super) const CHECKSUM: &str = ",\"checksum\":\"";
pub(super) const END: &str = "\"}\n";
/// The length of the checksum: `sha256:` and 64 digits.
const CHECKSUM_LEN: usize = 71;
/// The separator between two entries.
pub(super) const SEPARATOR: &str = ",\n";

/// The text of an index in the current format, and the positions of its lines.
#[derive(Debug, Clone, Default)]
pub(super) struct IndexText {
    /// The bytes of the text, which are UTF-8.
    pub(super) text: Vec<u8>,
    /// The end of the first line, without its newline.
    pub(super) head_end: usize,
    /// The end of the line of each entry, without its separator.
    pub(super) ends: Vec<usize>,
    /// The concatenated sums of all entries. The checksum of the file is computed from them.
    pub(super) sums: Vec<u8>,
}

/// The reason why a text is not an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unproved {
    /// A checksum does not match the content before it.
    WrongChecksum,
    /// There is no checksum at the end: the checksum was lost, or this is not an index of this
    /// format.
    NoChecksum,
}

impl IndexText {
    /// Finds the lines of a text. The caller checks them with [`is_sum_right`] and
    /// [`has_right_checksum`](Self::has_right_checksum).
    pub(super) fn split(text: Vec<u8>) -> Result<Self, (Vec<u8>, Unproved)> {
        let body_end = match body_end(&text) {
            Ok(_) if str::from_utf8(&text).is_err() => {
                return Err((text, Unproved::WrongChecksum));
            }
            Ok(end) => end,
            Err(why) => return Err((text, why)),
        };
        let head_end = newline_in(&text[..body_end]).unwrap_or(body_end);
        match line_ends(&text, head_end, body_end) {
            Some(ends) => Ok(Self {
                sums: sums_of(&text, &ends),
                text,
                head_end,
                ends,
            }),
            None => Err((text, Unproved::WrongChecksum)),
        }
    }

    /// Finds the lines of a text that shares lines with this text. Apart from one comparison of
    /// both texts, the time is proportional to the difference. Returns the text and the numbers of
    /// the lines that changed.
    pub(super) fn split_changed(
        &self,
        text: Vec<u8>,
    ) -> Result<(Self, Range<usize>), (Vec<u8>, Unproved)> {
        let new_end = match body_end(&text) {
            Ok(end) => end,
            Err(why) => return Err((text, why)),
        };
        let head_end = newline_in(&text[..new_end]).unwrap_or(new_end);
        let old_end = self.body_end();
        let (old, new) = (&self.text[self.head_end..old_end], &text[head_end..new_end]);
        let prefix = common_prefix(old, new);
        let suffix = common_suffix(&old[prefix..], &new[prefix..]);
        let len = self.ends.len();
        // A line at the beginning is shared if the separator after it is shared, too.
        let shared_until = self.head_end + prefix;
        let before = self
            .ends
            .partition_point(|end| end + SEPARATOR.len() <= shared_until);
        // A line at the end is shared if the newline before it is shared, too.
        let shared_from = old_end - suffix;
        let first_shared = match len.checked_sub(1) {
            None => 0,
            Some(last) => 1 + self.ends[..last].partition_point(|end| end + 1 < shared_from),
        };
        let first_shared = first_shared.max(before);
        let behind = len - first_shared;
        let middle_begin = match before {
            0 => head_end,
            _ => head_end + (self.ends[before - 1] + SEPARATOR.len() - 1 - self.head_end),
        };
        let middle_end = match behind {
            0 => new_end,
            _ => new_end - (old_end - (self.start(first_shared) - 1)),
        };
        // The rest of the new text is also in the old text, which is UTF-8.
        let changed = [
            &text[..head_end],
            &text[middle_begin..middle_end.max(middle_begin)],
        ];
        if changed.iter().any(|part| str::from_utf8(part).is_err()) {
            return Err((text, Unproved::WrongChecksum));
        }
        let mut ends = Vec::with_capacity(len + 1);
        ends.extend(
            self.ends[..before]
                .iter()
                .map(|end| end - self.head_end + head_end),
        );
        if middle_begin < middle_end {
            // The last line before the shared lines ends with the comma of its separator.
            let last = middle_end - usize::from(behind > 0);
            match line_ends(&text, middle_begin, last) {
                Some(middle) => ends.extend(middle),
                None => return Err((text, Unproved::WrongChecksum)),
            }
        }
        let changed = before..ends.len();
        let mut sums = Vec::with_capacity(self.sums.len() + SUM_LEN);
        sums.extend_from_slice(&self.sums[..before * SUM_LEN]);
        sums.extend(sums_of(&text, &ends[changed.clone()]));
        sums.extend_from_slice(&self.sums[first_shared * SUM_LEN..]);
        ends.extend(
            self.ends[first_shared..]
                .iter()
                .map(|end| new_end - (old_end - end)),
        );
        let split = Self {
            text,
            head_end,
            ends,
            sums,
        };
        Ok((split, changed))
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.text
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.text
    }

    pub(super) fn head(&self) -> &str {
        text_of(&self.text[..self.head_end])
    }

    /// Returns the number of entries.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns the line of an entry, without its separator.
    pub(super) fn line(&self, number: usize) -> &str {
        text_of(&self.text[self.start(number)..self.ends[number]])
    }

    /// Returns consecutive lines, with the separators between them.
    pub(super) fn lines(&self, numbers: Range<usize>) -> &[u8] {
        &self.text[self.start(numbers.start)..self.ends[numbers.end - 1]]
    }

    pub(super) fn start(&self, number: usize) -> usize {
        match number {
            0 => self.head_end + 1,
            _ => self.ends[number - 1] + SEPARATOR.len(),
        }
    }

    fn body_end(&self) -> usize {
        self.ends.last().copied().unwrap_or(self.head_end)
    }

    /// Returns true if the checksum at the end matches the first line and the sums of all entries.
    pub(super) fn has_right_checksum(&self) -> bool {
        let begin = self.body_end() + BODY_END.len() + CHECKSUM.len();
        let stated = self.text.get(begin..begin + CHECKSUM_LEN);
        stated == Some(self.checksum().as_bytes())
    }

    pub(super) fn checksum(&self) -> String {
        let mut checksum = Hasher::new();
        checksum.update(self.head().as_bytes());
        checksum.update(&self.sums);
        checksum.finish().to_string()
    }
}

/// Returns the sums of the lines that end at these positions.
fn sums_of(text: &[u8], ends: &[usize]) -> Vec<u8> {
    let mut sums = Vec::with_capacity(ends.len() * SUM_LEN);
    for end in ends {
        sums.extend_from_slice(sum_at(text, *end));
    }
    sums
}

/// Returns a part of the text as a string. The part must begin and end at the boundary of a line or
/// a sum.
fn text_of(part: &[u8]) -> &str {
    str::from_utf8(part).expect("the whole text is UTF-8, and lines end in ASCII")
}

fn newline_in(text: &[u8]) -> Option<usize> {
    // The bytes of a block are compared at once.
    const BLOCK: usize = 32;
    let is_newline = |byte: &u8| *byte == b'\n';
    let has_newline = |block: &[u8]| block.iter().fold(false, |any, byte| any | is_newline(byte));
    let blocks = text.chunks_exact(BLOCK);
    let begin = BLOCK * blocks.take_while(|block| !has_newline(block)).count();
    let rest = text[begin..].iter().position(is_newline);
    rest.map(|at| begin + at)
}

/// Returns the end of the line of the last entry. The ending of a file has a fixed length.
fn body_end(text: &[u8]) -> Result<usize, Unproved> {
    let content = text
        .strip_suffix(END.as_bytes())
        .and_then(|rest| rest.split_at_checked(rest.len().checked_sub(CHECKSUM_LEN)?))
        .and_then(|(rest, _)| rest.strip_suffix(CHECKSUM.as_bytes()))
        .ok_or(Unproved::NoChecksum)?;
    let body = content
        .strip_suffix(BODY_END.as_bytes())
        .ok_or(Unproved::WrongChecksum)?;
    Ok(body.len())
}

/// Returns the ends of the lines between the newline at `begin` and `end`. Returns `None` if a line
/// other than the last has no comma at its end, or if a line is too short for a sum.
fn line_ends(text: &[u8], begin: usize, end: usize) -> Option<Vec<usize>> {
    let mut ends = Vec::new();
    let mut at = begin;
    while at < end {
        let start = at + 1;
        let line_end = match newline_in(&text[start..end]) {
            Some(length) => {
                at = start + length;
                (text[at - 1] == b',').then(|| at - 1)?
            }
            None => {
                at = end;
                end
            }
        };
        if line_end < start + LINE_MIN {
            return None;
        }
        ends.push(line_end);
    }
    Some(ends)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::composer::compose;
    use crate::index::line::line_of;

    fn text(generation: u64, lines: &[String]) -> Vec<u8> {
        let head = format!("{{\"version\":2,\"generation\":{generation},\"entries\":{{");
        let lines = lines.iter().map(String::as_str);
        compose(&head, lines).bytes().to_vec()
    }

    fn line(id: &str, value: usize) -> String {
        line_of(id, &format!("{{\"v\":{value}}}"), "")
    }

    /// CAT-471: after any change, this finds the same lines as a read of the whole file. No line
    /// that is reported as shared differs. If no line differs, at most one line is reported as
    /// changed.
    #[test]
    fn the_lines_of_a_changed_text_are_found_from_the_old_one() {
        let ids: Vec<String> = (0..6).map(|n| format!("id{n}")).collect();
        // Each entry is absent, or has one of two values.
        let states = |code: usize| -> Vec<String> {
            let digits = (0..6).map(|n| code / 3_usize.pow(n) % 3);
            let both = ids.iter().zip(digits).filter(|(_, digit)| *digit > 0);
            both.map(|(id, digit)| line(id, 7_usize.pow(digit as u32)))
                .collect()
        };
        let texts: Vec<(Vec<String>, Vec<u8>)> = (0..729)
            .map(|code| (states(code), text(9 + code as u64, &states(code))))
            .collect();
        for (number, (old_lines, old)) in texts.iter().enumerate().step_by(7) {
            let old = IndexText::split(old.clone()).unwrap();
            for (new_lines, new) in texts.iter().skip(number % 5).step_by(5) {
                let whole = IndexText::split(new.clone()).unwrap();
                let (split, changed) = old.split_changed(new.clone()).unwrap();
                assert_eq!(split.ends, whole.ends, "{old_lines:?} -> {new_lines:?}");
                assert_eq!(split.head(), whole.head());
                assert!(split.has_right_checksum());
                let kept = changed.start;
                let behind = split.len() - changed.end;
                assert!(kept + behind <= old_lines.len());
                assert_eq!(old_lines[..kept], new_lines[..kept]);
                let shared_end = old_lines.len() - behind;
                assert_eq!(old_lines[shared_end..], new_lines[changed.end..]);
                if old_lines == new_lines {
                    assert!(changed.len() <= 1, "{changed:?} of {old_lines:?}");
                }
            }
        }
    }
}
