use crate::progress::Progress;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Sha256, Sha512};

use super::algorithm::{DigestAlgorithm, DigestSubject};
use super::files::FileContent;
use super::read::hash_file;
use super::tree::{hash_contents, hash_tree, hash_tree_of_first_edition};
use crate::error::{CatalogError, DigestError, Result};

/// A digest: the name of an algorithm and a value that proves bytes.
///
/// - The text form is `algorithm:hex`, as in the OCI image specification. Parsing converts both
///   parts to lower case.
/// - The algorithms are those of [`DigestAlgorithm`]. The values of each algorithm have one exact
///   length.
/// - The fields are public, so a struct literal can hold any text. [`algorithm`](Self::algorithm)
///   checks both fields. [`verify_digest`](crate::verify_digest) compares two digests, and does not
///   accept two equal malformed texts as a proof.
/// - A digest is serialised as its text. It is deserialised from its text or from `{"algo": …,
///   "value": …}`.
///
/// ```
/// use catalog_core::{Digest, DigestAlgorithm};
///
/// let digest: Digest =
///     "SHA256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855".parse()?;
/// assert_eq!(digest.algo, "sha256");
/// assert_eq!(digest.algorithm()?, DigestAlgorithm::Sha256);
/// assert!("sha256:abc".parse::<Digest>().is_err());
/// # Ok::<(), catalog_core::DigestError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digest {
    /// The name of the algorithm, in lower case.
    pub algo: String,
    /// The value, in lower-case hexadecimal digits.
    pub value: String,
}

impl Digest {
    /// Computes the SHA-256 of the bytes of a file.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ArtifactMissing`] if nothing is at the path,
    /// [`CatalogError::ArtifactUnusable`] if it is not a regular file,
    /// [`CatalogError::ArtifactChanged`] if the file changed while it was read,
    /// [`CatalogError::Io`] if it cannot be read.
    pub fn of_file(path: &Path) -> Result<Self> {
        Self::compute(path, DigestAlgorithm::Sha256, &mut |_| {})
    }

    /// Computes the tree digest of a folder: one value for the names, sizes and SHA-256 of all
    /// files below the folder. Order, times, permissions and origin of the files do not matter.
    ///
    /// The tree digest is the SHA-256 of these bytes: `model-tree/sha256/v1` and a NUL, the number
    /// of files as 8 bytes, and then the following for each file, sorted by the bytes of its name:
    /// the length of the name as 8 bytes, the name (relative, UTF-8, parts joined by `/`), the size
    /// as 8 bytes, and the 32 bytes of its SHA-256. Numbers are big-endian.
    ///
    /// A link to a file counts as that file. The digest excludes files that are not part of a model
    /// ([`LocalModel::EXCLUDED_NAMES`](crate::LocalModel::EXCLUDED_NAMES)). `.specs/digest.md` has
    /// the test vectors.
    ///
    /// # Errors
    ///
    /// The errors of [`of_file`](Self::of_file). [`CatalogError::ArtifactUnusable`] also comes for
    /// a link to a folder, a dangling link, a socket or device, and a name that is not UTF-8.
    pub fn of_tree(path: &Path) -> Result<Self> {
        Self::compute(path, DigestAlgorithm::Sha256Tree, &mut |_| {})
    }

    /// Returns true if this is the tree digest of a folder by the rules of the first edition, which
    /// counted more files. Returns false without hashing if both sets of rules count the same
    /// files.
    pub(crate) fn is_of_first_edition(
        &self,
        folder: &Path,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<bool> {
        if self.algorithm().ok() != Some(DigestAlgorithm::Sha256Tree) {
            return Ok(false);
        }
        match hash_tree_of_first_edition(folder, progress) {
            Ok(value) => Ok(value.is_some_and(|value| hex::encode(value) == self.value)),
            Err(
                error @ (CatalogError::Cancelled
                | CatalogError::DeadlineExceeded { .. }
                | CatalogError::ArtifactChanged { .. }),
            ) => Err(error),
            // A file that is not part of the model may be unusable. That is no error here.
            Err(_) => Ok(false),
        }
    }

    /// Computes a digest of any algorithm. Calls `progress` about once per mebibyte and once at the
    /// end.
    ///
    /// # Errors
    ///
    /// The errors of [`of_file`](Self::of_file) and [`of_tree`](Self::of_tree), and
    /// [`DigestError::WrongKind`] if the algorithm is for folders and the path is a file, or the
    /// algorithm is for files and the path is a folder.
    pub fn compute(
        path: &Path,
        algorithm: DigestAlgorithm,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self> {
        Self::compute_or_stop(path, algorithm, &mut |now| {
            progress(now);
            Ok(())
        })
    }

    /// Computes a digest like [`compute`](Self::compute), and stops when `progress` returns an
    /// error.
    ///
    /// # Errors
    ///
    /// The errors of [`compute`](Self::compute), and the error that `progress` returns.
    pub fn compute_or_stop(
        path: &Path,
        algorithm: DigestAlgorithm,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Self> {
        let found = what_is_at(path)?;
        if found != algorithm.proves() {
            return Err(CatalogError::InvalidDigest(DigestError::WrongKind {
                algorithm: algorithm.name(),
                proves: algorithm.proves().name(),
                found: found.name(),
                path: path.to_path_buf(),
            }));
        }
        let bytes = match algorithm {
            DigestAlgorithm::Sha256 => hash_file::<Sha256>(path, progress)?,
            DigestAlgorithm::Sha512 => hash_file::<Sha512>(path, progress)?,
            DigestAlgorithm::Sha256Tree => hash_tree(path, progress)?.to_vec(),
        };
        Ok(Self::from_bytes(algorithm, &bytes))
    }

    /// Returns the algorithm, if both fields are well-formed. Letters of either case are accepted.
    ///
    /// # Errors
    ///
    /// A [`DigestError`] if the algorithm is unknown, if the value has a character that is not a
    /// hexadecimal digit, or if the value has another length than the algorithm requires.
    pub fn algorithm(&self) -> Result<DigestAlgorithm, DigestError> {
        let algorithm: DigestAlgorithm = self.algo.parse()?;
        if let Some(position) = self.value.chars().position(|c| !c.is_ascii_hexdigit()) {
            return Err(DigestError::NotHex { position });
        }
        if self.value.len() != algorithm.hex_len() {
            return Err(DigestError::WrongLength {
                algorithm: algorithm.name(),
                expected: algorithm.hex_len(),
                found: self.value.len(),
            });
        }
        Ok(algorithm)
    }

    /// Checks the digest, and returns it in lower case, as the catalog stores it.
    ///
    /// # Errors
    ///
    /// The errors of [`algorithm`](Self::algorithm).
    pub fn canonical(&self) -> Result<Self, DigestError> {
        let algorithm = self.algorithm()?;
        Ok(Self {
            algo: algorithm.name().to_owned(),
            value: self.value.to_ascii_lowercase(),
        })
    }

    /// Returns true if a catalog can store this digest: a lower-case name and hexadecimal digits. A
    /// catalog also stores digests of algorithms that only a newer release computes. A verification
    /// checks the algorithm.
    pub(crate) fn is_storable(&self) -> bool {
        let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+._-".contains(&b);
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let has_only =
            |text: &str, allowed: fn(u8) -> bool| !text.is_empty() && text.bytes().all(allowed);
        has_only(&self.algo, is_word) && has_only(&self.value, is_hex)
    }

    /// Creates the SHA-256 digest of a file from its content.
    pub(crate) fn of_content(content: &FileContent) -> Self {
        Self::from_bytes(DigestAlgorithm::Sha256, &content.sha256)
    }

    /// Creates the tree digest of files that are sorted by the bytes of their names.
    pub(crate) fn of_contents(files: &[FileContent]) -> Self {
        Self::from_bytes(DigestAlgorithm::Sha256Tree, &hash_contents(files))
    }

    pub(super) fn from_bytes(algorithm: DigestAlgorithm, bytes: &[u8]) -> Self {
        Self {
            algo: algorithm.name().to_owned(),
            value: hex::encode(bytes),
        }
    }
}

/// Returns whether a path leads to a file or a folder. Follows links.
fn what_is_at(path: &Path) -> Result<DigestSubject> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(DigestSubject::File),
        Ok(metadata) if metadata.is_dir() => Ok(DigestSubject::Folder),
        Ok(_) => Err(CatalogError::ArtifactUnusable {
            path: path.to_path_buf(),
            found: "a socket, pipe or device",
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(CatalogError::ArtifactMissing {
                path: path.to_path_buf(),
            })
        }
        Err(error) => Err(CatalogError::io("look at", path, error)),
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algo, self.value)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algo, value) = text.split_once(':').ok_or(DigestError::MissingAlgorithm)?;
        Self {
            algo: algo.to_owned(),
            value: value.to_owned(),
        }
        .canonical()
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    /// Accepts any `algorithm:value`, because a newer release may have written an algorithm that
    /// this release does not know. Functions that compute or compare a digest check it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrFields)
    }
}

struct TextOrFields;

impl<'de> Visitor<'de> for TextOrFields {
    type Value = Digest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a digest, as text or as fields")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Digest, E> {
        match text.split_once(':') {
            Some((algo, value)) => Ok(Digest {
                algo: algo.to_owned(),
                value: value.to_owned(),
            }),
            None => Err(E::custom(DigestError::MissingAlgorithm)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Digest, A::Error> {
        #[derive(Deserialize)]
        struct Fields {
            algo: String,
            value: String,
        }
        let Fields { algo, value } = Fields::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Digest { algo, value })
    }
}
