use std::ops::Range;

use super::line::{SUM_LEN, sum_at};
use super::text::{BODY_END, CHECKSUM, END, IndexText, SEPARATOR};
use super::text_buffer::{fitting, with_room};

/// Builds the text of an index line by line.
pub(super) struct Composer {
    /// The text so far, without its ending.
    whole: IndexText,
}

impl Composer {
    /// Creates a composer with the first line of a text. The text is built in the memory of
    /// `buffer`. `len` is the approximate length of the final text.
    pub(super) fn new(head: &str, buffer: Vec<u8>, len: usize) -> Self {
        let mut text = with_room(buffer, len + head.len());
        text.extend_from_slice(head.as_bytes());
        Self {
            whole: IndexText {
                head_end: text.len(),
                text,
                ..IndexText::default()
            },
        }
    }

    /// Appends the line of an entry.
    pub(super) fn push(&mut self, line: &str) {
        let separator = self.separator();
        let IndexText {
            text, ends, sums, ..
        } = &mut self.whole;
        text.extend_from_slice(separator);
        text.extend_from_slice(line.as_bytes());
        ends.push(text.len());
        sums.extend_from_slice(sum_at(text, text.len()));
    }

    /// Appends lines of another text unchanged.
    pub(super) fn copy(&mut self, from: &IndexText, numbers: Range<usize>) {
        if numbers.is_empty() {
            return;
        }
        let separator = self.separator();
        let IndexText {
            text, ends, sums, ..
        } = &mut self.whole;
        text.extend_from_slice(separator);
        let (old, new) = (from.start(numbers.start), text.len());
        text.extend_from_slice(from.lines(numbers.clone()));
        sums.extend_from_slice(&from.sums[numbers.start * SUM_LEN..numbers.end * SUM_LEN]);
        ends.extend(from.ends[numbers].iter().map(|end| end - old + new));
    }

    fn separator(&self) -> &'static [u8] {
        match self.whole.ends.is_empty() {
            true => b"\n",
            false => SEPARATOR.as_bytes(),
        }
    }

    /// Appends the checksum and the ending, and returns the text.
    pub(super) fn finish(self) -> IndexText {
        let mut whole = self.whole;
        whole.text = fitting(whole.text);
        let checksum = whole.checksum();
        for part in [BODY_END, CHECKSUM, &checksum, END] {
            whole.text.extend_from_slice(part.as_bytes());
        }
        whole
    }
}

/// Composes a text from a first line and the lines of entries. The lines have no separators.
pub(super) fn compose<'l>(head: &str, lines: impl Iterator<Item = &'l str>) -> IndexText {
    let mut composer = Composer::new(head, Vec::new(), 0);
    lines.for_each(|line| composer.push(line));
    composer.finish()
}
