//! The check of an answer: the reaction to each status and to each header.

use std::time::{Duration, SystemTime};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use catalog_core::{Digest, FetchProblem, Validators};
use ureq::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, RETRY_AFTER,
};
use ureq::http::{HeaderMap, HeaderName, StatusCode};

use super::checksum::Checksum;
use super::range::{ByteRange, ContentRange, number};

/// The facts that an answer states about the file behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Version {
    /// The size of the whole file, if it is stated.
    pub(crate) size: Option<u64>,
    /// The strong entity tag.
    pub(crate) strong_etag: Option<String>,
    /// The validators for a later request.
    pub(crate) validators: Validators,
    /// The SHA-256 of the whole file.
    pub(crate) sha256: Option<Digest>,
    /// A weaker checksum of the whole file, if no SHA-256 is stated.
    pub(crate) checksum: Option<Checksum>,
}

/// The reaction to an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The body is these bytes of the file.
    Part(ByteRange, Version),
    /// The body is the whole file.
    Whole(Version),
    /// The file has no byte after the place that was asked for. The value is its size.
    NothingThere(u64),
    /// The file is not the one that is known.
    Changed(String),
    /// The same request may succeed later, not before this time.
    Later(Option<Duration>, FetchProblem, String),
    /// The server refuses the account, or the signature of the URL.
    Denied(u16),
    Fail(FetchProblem, String),
}

/// Checks the head of an answer. `asked` is the range of the request, and `known` the facts that
/// earlier answers stated.
pub(crate) fn check(
    status: StatusCode,
    headers: &HeaderMap,
    asked: Option<ByteRange>,
    known: Option<&Version>,
) -> Verdict {
    let code = status.as_u16();
    match code {
        200 | 206 => {}
        416 => return not_satisfiable(headers, asked, known),
        401 | 403 => return Verdict::Denied(code),
        404 | 410 => {
            let detail = format!("the server has no such file (status {code})");
            return Verdict::Fail(FetchProblem::FileNotFound, detail);
        }
        407 => {
            let detail = "the proxy requires a user name and a password (status 407); put them \
                          into the address of the proxy";
            return Verdict::Fail(FetchProblem::Misconfigured, detail.to_owned());
        }
        408 | 425 | 429 | 500 | 502..=504 | 506..=599 => {
            let problem = match code {
                429 => FetchProblem::RateLimited,
                _ => FetchProblem::Unreachable,
            };
            let detail = format!("the server answers {status}");
            return Verdict::Later(retry_after(headers), problem, detail);
        }
        _ => {
            let detail = format!("the server answers {status}");
            return Verdict::Fail(FetchProblem::Failed, detail);
        }
    }
    let refuse = |detail: String| Verdict::Fail(FetchProblem::Refused, detail);
    if let Some(coding) = text(headers, CONTENT_ENCODING)
        && !coding.eq_ignore_ascii_case("identity")
    {
        return refuse(format!(
            "the server compresses the file ({coding:?}) although it was asked not to"
        ));
    }
    let length = match length(headers) {
        Ok(length) => length,
        Err(detail) => return refuse(detail),
    };
    let mut version = version(headers);
    let verdict = match (code, asked) {
        (206, Some(asked)) => {
            let media_type = text(headers, CONTENT_TYPE).unwrap_or_default();
            if media_type.to_ascii_lowercase().starts_with("multipart/") {
                return refuse("the server answers with several ranges".to_owned());
            }
            let stated = text(headers, CONTENT_RANGE).unwrap_or_default();
            let (range, total) = match ContentRange::parse(stated) {
                Some(ContentRange {
                    range: Some(range),
                    total,
                }) => (range, total),
                _ => return refuse(format!("its Content-Range is {stated:?}")),
            };
            // A file may end before the range ends.
            let is_asked = range.begin == asked.begin
                && range.end <= asked.end
                && (range.end == asked.end || total == Some(range.end));
            if !is_asked {
                return refuse(format!(
                    "it was asked for the bytes {asked} and sends {range}"
                ));
            }
            if length.is_some_and(|length| length != range.len()) {
                return refuse(format!(
                    "its Content-Length contradicts its Content-Range {range}"
                ));
            }
            version.size = total.or_else(|| known.and_then(|known| known.size));
            version.checksum = Checksum::of(headers, total == Some(range.len()));
            Verdict::Part(range, version)
        }
        (206, None) => return refuse("it sends a part, and was asked for the whole".to_owned()),
        _ => {
            version.size = length;
            if version.sha256.is_none() {
                version.sha256 = sha256(headers, "content-digest");
            }
            version.checksum = Checksum::of(headers, true);
            Verdict::Whole(version)
        }
    };
    let (Verdict::Part(_, version) | Verdict::Whole(version)) = &verdict else {
        return verdict;
    };
    match known.and_then(|known| difference(known, version)) {
        Some(what) => Verdict::Changed(what),
        None => verdict,
    }
}

/// Returns the difference between two versions of a file, if there is one.
fn difference(known: &Version, now: &Version) -> Option<String> {
    let differs = |known: Option<String>, now: Option<String>| match (known, now) {
        (Some(known), Some(now)) if known != now => Some(format!("{known} became {now}")),
        _ => None,
    };
    let size = |version: &Version| version.size.map(|size| format!("size {size}"));
    let etag = |version: &Version| {
        version
            .strong_etag
            .as_ref()
            .map(|tag| format!("ETag {tag}"))
    };
    let has_lost_tag = known.strong_etag.is_some() && now.strong_etag.is_none();
    differs(size(known), size(now))
        .or_else(|| differs(etag(known), etag(now)))
        .or_else(|| has_lost_tag.then(|| "the ETag is gone".to_owned()))
}

/// Checks an answer of status 416. Its body is not read.
fn not_satisfiable(
    headers: &HeaderMap,
    asked: Option<ByteRange>,
    known: Option<&Version>,
) -> Verdict {
    let stated = text(headers, CONTENT_RANGE).and_then(ContentRange::parse);
    match (stated.and_then(|stated| stated.total), asked, known) {
        (
            Some(total),
            _,
            Some(Version {
                size: Some(size), ..
            }),
        ) if total != *size => Verdict::Changed(format!("size {size} became size {total}")),
        (Some(total), Some(asked), _) if total <= asked.begin => Verdict::NothingThere(total),
        _ => Verdict::Fail(
            FetchProblem::Refused,
            "the server refuses the range (status 416) although it lies in the file".to_owned(),
        ),
    }
}

fn version(headers: &HeaderMap) -> Version {
    let etag = text(headers, ETAG);
    // A tag without quotes is no strong tag.
    let is_strong = |tag: &&str| tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"');
    Version {
        size: None,
        strong_etag: etag.filter(is_strong).map(str::to_owned),
        validators: Validators::new(
            etag.map(str::to_owned),
            text(headers, LAST_MODIFIED).map(str::to_owned),
        ),
        sha256: sha256(headers, "repr-digest"),
        checksum: None,
    }
}

/// Reads a SHA-256 from a header of RFC 9530.
fn sha256(headers: &HeaderMap, name: &'static str) -> Option<Digest> {
    let value = text(headers, HeaderName::from_static(name))?;
    let mut entries = value.split(',').map(str::trim);
    let encoded = entries.find_map(|entry| entry.strip_prefix("sha-256=:")?.strip_suffix(':'))?;
    let bytes = BASE64_STANDARD.decode(encoded).ok()?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}").parse().ok()
}

/// Returns the content length, if there is one. Several lengths must be equal.
fn length(headers: &HeaderMap) -> Result<Option<u64>, String> {
    let mut found = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let length = value.to_str().ok().and_then(|text| number(text.trim()));
        match (length, found) {
            (None, _) => return Err(format!("its Content-Length is {value:?}")),
            (Some(length), Some(other)) if length != other => {
                return Err(format!("it states the lengths {other} and {length}"));
            }
            (length, _) => found = length,
        }
    }
    Ok(found)
}

/// Returns the time that a server asks to wait: seconds or a date in `Retry-After`, or the time `t` in
/// `RateLimit` if nothing remains of the limit.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    if let Some(limit) = text(headers, HeaderName::from_static("ratelimit")) {
        let parameter = |name: &str| {
            let mut all = limit.split(';').map(str::trim);
            all.find_map(|part| number(part.strip_prefix(name)?.strip_prefix('=')?))
        };
        if let (Some(0), Some(seconds)) = (parameter("r"), parameter("t")) {
            return Some(Duration::from_secs(seconds));
        }
    }
    let value = text(headers, RETRY_AFTER)?;
    match number(value) {
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => {
            let date = httpdate::parse_http_date(value).ok()?;
            Some(date.duration_since(SystemTime::now()).unwrap_or_default())
        }
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};
    use ureq::http::HeaderValue;

    const ASKED: ByteRange = ByteRange { begin: 10, end: 20 };

    fn verdict(status: u16, headers: &[(&'static str, &str)], known: Option<&Version>) -> Verdict {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        check(
            StatusCode::from_u16(status).unwrap(),
            &map,
            Some(ASKED),
            known,
        )
    }

    fn known() -> Version {
        Version {
            size: Some(100),
            strong_etag: Some("\"a\"".to_owned()),
            ..Version::default()
        }
    }

    /// NET-112
    #[test]
    fn a_part_must_be_the_one_that_was_asked_for() {
        let tag = ("etag", "\"a\"");
        let good = verdict(
            206,
            &[("content-range", "bytes 10-19/100"), tag],
            Some(&known()),
        );
        assert!(matches!(good, Verdict::Part(range, _) if range == ASKED));
        for stated in [
            "bytes 0-9/100",
            "bytes 10-18/100",
            "bytes 11-19/100",
            "banana",
            "bytes */9",
        ] {
            let refused = verdict(206, &[("content-range", stated), tag], Some(&known()));
            assert!(
                matches!(refused, Verdict::Fail(FetchProblem::Refused, _)),
                "{stated}"
            );
        }
        let headers = [
            ("content-range", "bytes 10-19/100"),
            ("content-length", "11"),
            tag,
        ];
        let refused = verdict(206, &headers, Some(&known()));
        assert!(matches!(refused, Verdict::Fail(FetchProblem::Refused, _)));
        let last = verdict(206, &[("content-range", "bytes 10-14/15")], None);
        assert!(matches!(last, Verdict::Part(range, _) if range.end == 15));
    }

    /// NET-113
    #[test]
    fn another_version_is_a_change() {
        let cases: [&[(&str, &str)]; 3] = [
            &[("content-range", "bytes 10-19/100"), ("etag", "\"b\"")],
            &[("content-range", "bytes 10-19/101"), ("etag", "\"a\"")],
            &[("content-range", "bytes 10-19/100"), ("etag", "W/\"a\"")],
        ];
        for headers in cases {
            let headers: Vec<(&'static str, &str)> = headers
                .iter()
                .map(|(name, value)| match *name {
                    "etag" => ("etag", *value),
                    _ => ("content-range", *value),
                })
                .collect();
            let changed = verdict(206, &headers, Some(&known()));
            assert!(matches!(changed, Verdict::Changed(_)), "{headers:?}");
        }
        let gone = verdict(416, &[("content-range", "bytes */5")], Some(&known()));
        assert!(matches!(gone, Verdict::Changed(_)));
    }

    /// NET-114
    #[test]
    fn compressed_answers_and_several_ranges_are_refused() {
        let refused = [
            verdict(200, &[("content-encoding", "gzip")], None),
            verdict(
                206,
                &[("content-type", "multipart/byteranges; boundary=x")],
                None,
            ),
            verdict(
                200,
                &[("content-length", "1"), ("content-length", "2")],
                None,
            ),
        ];
        for verdict in refused {
            assert!(
                matches!(verdict, Verdict::Fail(FetchProblem::Refused, _)),
                "{verdict:?}"
            );
        }
    }

    /// NET-115
    #[test]
    fn transient_answers_are_repeated_and_state_their_pause() {
        for status in [408, 425, 429, 500, 502, 503, 504] {
            let later = verdict(status, &[("retry-after", "7")], None);
            let pause = Some(Duration::from_secs(7));
            assert!(
                matches!(later, Verdict::Later(after, ..) if after == pause),
                "{status}"
            );
        }
        for status in [204, 304, 400, 501, 505] {
            assert!(
                matches!(verdict(status, &[], None), Verdict::Fail(..)),
                "{status}"
            );
        }
    }

    /// NET-115
    #[test]
    fn an_exhausted_limit_states_its_pause() {
        for (limit, pause) in [
            ("\"api\";r=0;t=55", Some(55)),
            ("\"api\";r=3;t=55", Some(7)),
            ("banana", Some(7)),
        ] {
            let later = verdict(429, &[("ratelimit", limit), ("retry-after", "7")], None);
            let pause = pause.map(Duration::from_secs);
            let is_expected =
                |after, problem| after == pause && problem == FetchProblem::RateLimited;
            assert!(
                matches!(later, Verdict::Later(after, problem, _) if is_expected(after, problem))
            );
        }
    }

    /// NET-101
    #[test]
    fn the_hash_of_the_source_is_read() {
        let value = "unixsum=:AA==:, sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        let Verdict::Whole(version) = verdict(200, &[("repr-digest", value)], None) else {
            panic!("it is the whole");
        };
        let digest = version.sha256.unwrap().to_string();
        assert!(digest.starts_with("sha256:e3b0c442"), "{digest}");
    }

    /// Returns values of a header: well-formed ones with small numbers, and any text.
    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            (0_u64..30, 0_u64..30, 0_u64..30)
                .prop_map(|(begin, last, total)| format!("bytes {begin}-{last}/{total}")),
            (0_u64..30).prop_map(|total| format!("bytes */{total}")),
            (0_u64..30).prop_map(|number| number.to_string()),
            "\"[a-c]\"|W/\"[a-c]\"",
            "sha-256=:[A-Za-z0-9+/=]{0,50}:",
            "[ -~]{0,30}",
        ]
    }

    proptest! {
        /// NET-112
        #[test]
        fn no_answer_yields_other_bytes_than_the_known_ones(
            status in prop_oneof![Just(200_u16), Just(206), Just(416), 200_u16..600],
            headers in proptest::collection::vec((0_usize..7, value()), 0..8),
        ) {
            let names = [
                "content-range", "content-length", "etag", "repr-digest", "retry-after",
                "content-encoding", "content-type",
            ];
            let headers: Vec<(&'static str, &str)> =
                headers.iter().map(|(name, value)| (names[*name], value.as_str())).collect();
            match verdict(status, &headers, Some(&known())) {
                Verdict::Part(range, version) => {
                    prop_assert!(range.begin == ASKED.begin && range.end <= ASKED.end);
                    prop_assert!(version.size == Some(100) && version.strong_etag == known().strong_etag);
                }
                Verdict::Whole(version) => {
                    prop_assert_eq!(version.strong_etag, known().strong_etag);
                    prop_assert!(version.size.is_none_or(|size| size == 100));
                }
                _ => {}
            }
        }
    }
}
