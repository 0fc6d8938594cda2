//! Any head of an answer to a request for a part of a known file: no answer yields other bytes than
//! the asked ones, or another version of the file.

#![no_main]
#![allow(dead_code, reason = "the files are parts of a crate that does not export them")]

#[path = "../../../crates/model-fetchers/src/transfer/check.rs"]
mod check;
#[path = "../../../crates/model-fetchers/src/transfer/checksum.rs"]
mod checksum;
#[path = "../../../crates/model-fetchers/src/transfer/range.rs"]
mod range;

use catalog_core::DigestAlgorithm;
use check::{Verdict, Version, check};
use libfuzzer_sys::fuzz_target;
use range::ByteRange;
use ureq::http::{HeaderMap, HeaderValue, StatusCode};

/// The headers that a check reads, and one that it does not read.
const NAMES: [&str; 9] = [
    "content-range",
    "content-length",
    "etag",
    "repr-digest",
    "content-digest",
    "retry-after",
    "content-encoding",
    "content-type",
    "last-modified",
];

/// The status, the asked range as its begin and its length, the known size and entity tag, and the
/// headers: a line each, whose first byte is the number of a name.
type Input<'a> = (u16, Option<(u16, u16)>, Option<(Option<u16>, Option<&'a str>)>, &'a [u8]);

fuzz_target!(|input: Input<'_>| {
    let (status, asked, known, lines) = input;
    let code = match status % 4 {
        0 => 200,
        1 => 206,
        2 => 416,
        _ => 100 + status / 4 % 900,
    };
    let status = StatusCode::from_u16(code).expect("it has three digits");
    let asked = asked.map(|(begin, len)| ByteRange {
        begin: begin.into(),
        end: u64::from(begin) + u64::from(len) + 1,
    });
    let known = known.map(|(size, tag)| Version {
        size: size.map(u64::from),
        strong_etag: tag.map(|tag| format!("\"{tag}\"")),
        ..Version::default()
    });
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        if let Some((name, value)) = line.split_first()
            && let Ok(value) = HeaderValue::from_bytes(value)
        {
            headers.append(NAMES[usize::from(*name) % NAMES.len()], value);
        }
    }
    let verdict = check(status, &headers, asked, known.as_ref());
    let known = known.unwrap_or_default();
    let is_known_version = |version: &Version| {
        let has_size = match (known.size, version.size) {
            (Some(known), Some(now)) => known == now,
            _ => true,
        };
        has_size && (known.strong_etag.is_none() || known.strong_etag == version.strong_etag)
    };
    let lengths = || headers.get_all("content-length").iter();
    match verdict {
        Verdict::Part(range, version) => {
            let asked = asked.expect("a range was asked for");
            assert_eq!(code, 206);
            assert!(range.begin == asked.begin && range.begin < range.end && range.end <= asked.end);
            assert!(range.end == asked.end || version.size == Some(range.end));
            assert!(version.size.is_none_or(|size| range.end <= size || known.size == Some(size)));
            assert!(known.size.is_none() || version.size == known.size);
            assert!(is_known_version(&version));
            for length in lengths() {
                let length = length.to_str().expect("a length is a text").trim();
                assert_eq!(length.parse(), Ok(range.len()));
            }
            check_digest(&version);
        }
        Verdict::Whole(version) => {
            assert_eq!(code, 200);
            assert!(is_known_version(&version));
            assert_eq!(version.size.is_some(), lengths().next().is_some());
            check_digest(&version);
        }
        Verdict::NothingThere(size) => {
            assert_eq!(code, 416);
            assert!(asked.is_some_and(|asked| size <= asked.begin));
            assert!(known.size.is_none_or(|known| known == size));
        }
        Verdict::Later(after, ..) => {
            assert!(matches!(code, 408 | 425 | 429 | 500..=599));
            assert!(after.is_none() || headers.contains_key("retry-after"));
        }
        Verdict::Denied(denied) => assert!(denied == code && matches!(code, 401 | 403)),
        Verdict::Changed(_) | Verdict::Fail(..) => {}
    }
});

/// A digest that an answer states is a whole SHA-256.
fn check_digest(version: &Version) {
    if let Some(digest) = &version.sha256 {
        assert_eq!(digest.algorithm(), Ok(DigestAlgorithm::Sha256));
        assert_eq!(digest.value.len(), 64);
        assert!(digest.value.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
