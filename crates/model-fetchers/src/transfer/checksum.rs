//! Hashes of a whole file that a source states and that are no SHA-256. The object ids of git prove a
//! file. Checksums find damage on the way, but do not protect against an attacker.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc, Digest as CrcDigest, Table};
use md5::{Digest as _, Md5};
use sha1::Sha1;
use ureq::http::{HeaderMap, HeaderName};

static CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
static CRC64NVME: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_NVME);

/// An algorithm of a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Md5,
    /// The SHA-1 of the size and the bytes, as git computes it.
    Git,
}

/// A checksum of a whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checksum {
    algorithm: Algorithm,
    value: Vec<u8>,
    /// The size of the file, which a hash of git needs.
    size: u64,
}

impl Checksum {
    /// Reads the object id that git has for a file of this size.
    pub(crate) fn of_git(oid: &str, size: u64) -> Option<Self> {
        let digits = oid.as_bytes().chunks(2).map(|pair| {
            let pair = str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        });
        let value: Vec<u8> = digits.collect::<Option<_>>()?;
        (oid.len() == 40 && oid.is_ascii()).then_some(Self {
            algorithm: Algorithm::Git,
            value,
            size,
        })
    }

    /// Reads the checksum of the whole file from the head of an answer. `is_whole` tells whether
    /// the body of the answer is the whole file. The fastest of several checksums is taken.
    pub(super) fn of(headers: &HeaderMap, is_whole: bool) -> Option<Self> {
        let decoded = |algorithm: Algorithm, text: &str| {
            let value = BASE64_STANDARD.decode(text.trim()).ok()?;
            (value.len() == algorithm.length()).then_some(Self {
                algorithm,
                value,
                size: 0,
            })
        };
        let header = |name| headers.get(HeaderName::from_static(name))?.to_str().ok();
        let of_google = |algorithm, prefix: &str| {
            let all = headers.get_all(HeaderName::from_static("x-goog-hash"));
            let texts = all.iter().filter_map(|value| value.to_str().ok());
            let mut entries = texts.flat_map(|text| text.split(',')).map(str::trim);
            decoded(
                algorithm,
                entries.find_map(|entry| entry.strip_prefix(prefix))?,
            )
        };
        let of_whole = |algorithm, name| decoded(algorithm, header(name).filter(|_| is_whole)?);
        // Without that word, a checksum of parts ends in their number and cannot be decoded.
        let is_of_parts = header("x-amz-checksum-type") == Some("COMPOSITE");
        let of_amazon = |algorithm, name| of_whole(algorithm, name).filter(|_| !is_of_parts);
        of_google(Algorithm::Crc32c, "crc32c=")
            .or_else(|| of_amazon(Algorithm::Crc32c, "x-amz-checksum-crc32c"))
            .or_else(|| of_amazon(Algorithm::Crc64Nvme, "x-amz-checksum-crc64nvme"))
            .or_else(|| of_amazon(Algorithm::Crc32, "x-amz-checksum-crc32"))
            .or_else(|| of_google(Algorithm::Md5, "md5="))
            .or_else(|| of_whole(Algorithm::Md5, "content-md5"))
    }

    /// Begins the computation that [`Running::check`] ends.
    pub(super) fn begin(&self) -> Running {
        let state = match self.algorithm {
            Algorithm::Crc32 => Sum::Crc32(CRC32.digest()),
            Algorithm::Crc32c => Sum::Crc32(CRC32C.digest()),
            Algorithm::Crc64Nvme => Sum::Crc64(CRC64NVME.digest()),
            Algorithm::Md5 => Sum::Md5(Md5::new()),
            Algorithm::Git => Sum::Git(Sha1::new_with_prefix(format!("blob {}\0", self.size))),
        };
        Running {
            stated: self.clone(),
            sum: state,
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.algorithm {
            Algorithm::Git => {
                f.write_str("git-sha1:")?;
                self.value
                    .iter()
                    .try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            algorithm => {
                let value = BASE64_STANDARD.encode(&self.value);
                write!(f, "{}:{value}", algorithm.name())
            }
        }
    }
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "crc32",
            Self::Crc32c => "crc32c",
            Self::Crc64Nvme => "crc64nvme",
            Self::Md5 => "md5",
            Self::Git => "git-sha1",
        }
    }

    /// Returns the number of bytes of a value.
    fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Md5 => 16,
            Self::Git => 20,
        }
    }
}

/// A checksum that is computed while bytes arrive.
pub(super) struct Running {
    stated: Checksum,
    sum: Sum,
}

enum Sum {
    Crc32(CrcDigest<'static, u32, Table<16>>),
    Crc64(CrcDigest<'static, u64, Table<16>>),
    Md5(Md5),
    Git(Sha1),
}

/// The difference between a stated and a computed checksum.
pub(super) struct Difference {
    pub(super) expected: String,
    pub(super) actual: String,
}

impl Running {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.sum {
            Sum::Crc32(sum) => sum.update(bytes),
            Sum::Crc64(sum) => sum.update(bytes),
            Sum::Md5(sum) => sum.update(bytes),
            Sum::Git(sum) => sum.update(bytes),
        }
    }

    /// Compares the checksum of all bytes with the stated one. Returns the difference, if there is
    /// one.
    pub(super) fn check(self) -> Result<(), Difference> {
        let value = match self.sum {
            Sum::Crc32(sum) => sum.finalize().to_be_bytes().to_vec(),
            Sum::Crc64(sum) => sum.finalize().to_be_bytes().to_vec(),
            Sum::Md5(sum) => sum.finalize().to_vec(),
            Sum::Git(sum) => sum.finalize().to_vec(),
        };
        let found = Checksum {
            value,
            ..self.stated.clone()
        };
        match found == self.stated {
            true => Ok(()),
            false => Err(Difference {
                expected: self.stated.to_string(),
                actual: found.to_string(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ureq::http::HeaderValue;

    fn stated(headers: &[(&'static str, &str)], is_whole: bool) -> Option<Checksum> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        Checksum::of(&map, is_whole)
    }

    /// NET-150
    #[test]
    fn the_published_check_values_are_found() {
        // The values of "123456789" in the catalogue of CRC algorithms, and its MD5.
        for header in [
            (
                "x-goog-hash",
                "crc32c=4waSgw==,md5=JfnnlDI7RTiF9RgfG2JNCw==",
            ),
            ("x-goog-hash", "md5=JfnnlDI7RTiF9RgfG2JNCw=="),
            ("content-md5", "JfnnlDI7RTiF9RgfG2JNCw=="),
            ("x-amz-checksum-crc32", "y/Q5Jg=="),
            ("x-amz-checksum-crc32c", "4waSgw=="),
            ("x-amz-checksum-crc64nvme", "rosUhgp5mIg="),
        ] {
            let stated = stated(&[header], true).expect(header.0);
            for (bytes, is_right) in [(b"123456789", true), (b"123456780", false)] {
                let mut running = stated.begin();
                running.update(&bytes[..4]);
                running.update(&bytes[4..]);
                assert_eq!(running.check().is_ok(), is_right, "{header:?}");
            }
        }
    }

    /// NET-204
    #[test]
    fn the_object_id_of_git_covers_the_size_and_the_bytes() {
        // `printf 'hello\n' | git hash-object --stdin`
        let oid = "ce013625030ba8dba906f756967f9e9ca394464a";
        let begin = |size| Checksum::of_git(oid, size).unwrap().begin();
        for (size, is_right) in [(6, true), (7, false)] {
            let mut running = begin(size);
            running.update(b"hello\n");
            assert_eq!(running.check().is_ok(), is_right);
        }
        for bad in ["", "ce01", "********************a8dba906f756967f9e9c", "ä"] {
            assert_eq!(Checksum::of_git(bad, 6), None, "{bad}");
        }
    }

    /// NET-150
    #[test]
    fn a_checksum_of_parts_or_of_a_part_is_none_of_the_file() {
        let of_a_part = [
            ("content-md5", "JfnnlDI7RTiF9RgfG2JNCw=="),
            ("x-amz-checksum-crc32c", "4waSgw=="),
        ];
        for header in of_a_part {
            assert_eq!(stated(&[header], false), None, "{header:?}");
        }
        let composite = ("x-amz-checksum-type", "COMPOSITE");
        assert_eq!(stated(&[of_a_part[1], composite], true), None);
        for malformed in ["4waSgw==-2", "4waSg", "", "e3b0c442"] {
            assert_eq!(stated(&[("x-amz-checksum-crc32c", malformed)], true), None);
        }
        // The checksum of Google is that of the object, also in the answer for a part.
        assert!(stated(&[("x-goog-hash", "crc32c=4waSgw==")], false).is_some());
    }
}
