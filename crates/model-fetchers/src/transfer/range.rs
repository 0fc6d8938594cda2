use std::fmt;

use ureq::http::HeaderValue;

/// The bytes of a file from `begin` up to but not including `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteRange {
    pub(crate) begin: u64,
    pub(crate) end: u64,
}

impl ByteRange {
    pub(crate) fn len(self) -> u64 {
        self.end - self.begin
    }

    /// Returns the value of the header `Range`.
    pub(crate) fn header(self) -> HeaderValue {
        let text = format!("bytes={}-{}", self.begin, self.end - 1);
        HeaderValue::from_str(&text).expect("it has only ASCII characters")
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.begin, self.end.saturating_sub(1))
    }
}

/// The content of a header `Content-Range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentRange {
    /// The bytes of the body, or `None` in an answer of status 416.
    pub(super) range: Option<ByteRange>,
    /// The size of the whole file, if it is known.
    pub(super) total: Option<u64>,
}

impl ContentRange {
    /// Reads the header. Returns `None` if it is malformed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.trim().strip_prefix("bytes ")?.trim().split_once('/')?;
        let total = match total {
            "*" => None,
            total => Some(number(total)?),
        };
        let range = match range {
            "*" => None,
            range => {
                let (begin, last) = range.split_once('-')?;
                let (begin, last) = (number(begin)?, number(last)?);
                let end = last.checked_add(1)?;
                let is_inside = begin < end && total.is_none_or(|total| end <= total);
                Some(is_inside.then_some(ByteRange { begin, end })?)
            }
        };
        Some(Self { range, total })
    }
}

/// Reads a number that has only digits.
pub(super) fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NET-112
    #[test]
    fn only_well_formed_ranges_are_read() {
        let good = ContentRange::parse("bytes 0-9/100").unwrap();
        assert_eq!(good.range, Some(ByteRange { begin: 0, end: 10 }));
        assert_eq!(good.total, Some(100));
        let open = ContentRange::parse("bytes 5-9/*").unwrap();
        assert_eq!((open.range.unwrap().begin, open.total), (5, None));
        let refused = ContentRange::parse("bytes */7").unwrap();
        assert_eq!((refused.range, refused.total), (None, Some(7)));
        for bad in [
            "banana",
            "bytes banana",
            "bytes 9-0/100",
            "bytes 0-100/100",
            "bytes 0-9",
            "0-9/10",
            "bytes -9/10",
            "bytes +0-9/10",
            "bytes 0-18446744073709551615/*",
            "bytes 0-9/10 x",
        ] {
            assert_eq!(ContentRange::parse(bad), None, "{bad}");
        }
    }
}
