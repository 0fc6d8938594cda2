use std::fmt;
use std::str::FromStr;

use crate::error::DigestError;

/// The algorithms that this library computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DigestAlgorithm {
    /// SHA-256 of a file's bytes (FIPS 180-4), `sha256`.
    Sha256,
    /// SHA-512 of a file's bytes (FIPS 180-4), `sha512`.
    Sha512,
    /// The tree digest of a folder, `sha256-tree`; see [`Digest::of_tree`](crate::Digest::of_tree).
    Sha256Tree,
}

/// The kind of artifact that a digest proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DigestSubject {
    /// The bytes of one file.
    File,
    /// The names, sizes and bytes of all files in a folder.
    Folder,
}

impl DigestSubject {
    /// Returns `file` or `folder`.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Folder => "folder",
        }
    }
}

impl DigestAlgorithm {
    /// All algorithms of this library.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha512, Self::Sha256Tree];

    /// Returns the name that stands in front of the colon in a digest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
            Self::Sha256Tree => "sha256-tree",
        }
    }

    /// Returns the number of hexadecimal digits in a value of this algorithm.
    pub fn hex_len(self) -> usize {
        match self {
            Self::Sha256 | Self::Sha256Tree => 64,
            Self::Sha512 => 128,
        }
    }

    /// Returns the kind of artifact that a digest of this algorithm proves.
    pub fn proves(self) -> DigestSubject {
        match self {
            Self::Sha256 | Self::Sha512 => DigestSubject::File,
            Self::Sha256Tree => DigestSubject::Folder,
        }
    }
}

impl fmt::Display for DigestAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DigestAlgorithm {
    type Err = DigestError;

    /// Parses the name of an algorithm, in letters of either case.
    fn from_str(name: &str) -> Result<Self, DigestError> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| DigestError::UnknownAlgorithm(name.chars().take(32).collect()))
    }
}
