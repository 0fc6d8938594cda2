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
/// - Written `algorithm:hex`, as in the OCI image specification; parsing lowercases both.
/// - The algorithms are those of [`DigestAlgorithm`]; each has one exact length.
/// - The fields are open, so a literal can hold anything; [`algorithm`](Self::algorithm) checks.
///   Compare two with [`verify_digest`](crate::verify_digest), which never takes two equal pieces
///   of nonsense for a proof.
/// - Serialised as its text; read from its text or from `{"algo": …, "value": …}`.
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
    /// The algorithm's name, lower case.
    pub algo: String,
    /// The value, lower-case hexadecimal.
    pub value: String,
}

impl Digest {
    /// The SHA-256 of a file's bytes, read as a stream.
    ///
    /// # Errors
    ///
    /// [`CatalogError::ArtifactMissing`], [`CatalogError::ArtifactUnusable`] if it is no regular
    /// file, [`CatalogError::ArtifactChanged`] if it changed meanwhile, [`CatalogError::Io`].
    pub fn of_file(path: &Path) -> Result<Self> {
        Self::compute(path, DigestAlgorithm::Sha256, &mut |_| {})
    }

    /// The tree digest of a folder: one value for the names, sizes and SHA-256 of all files below
    /// it, whatever their order, times, permissions and origin.
    ///
    /// It is the SHA-256 of `model-tree/sha256/v1` and a NUL, the number of files as 8 bytes, and
    /// for each file, sorted by the bytes of its name: the length of the name as 8 bytes, the name
    /// (relative, UTF-8, parts joined by `/`), the size as 8 bytes, the 32 bytes of its SHA-256.
    /// Numbers are big-endian. A link to a file counts as that file. Files that are no part of a model
    /// ([`LocalModel::EXCLUDED_NAMES`](crate::LocalModel::EXCLUDED_NAMES)) are left out. `.specs/digest.md` has the test vectors.
    ///
    /// # Errors
    ///
    /// The errors of [`of_file`](Self::of_file), [`CatalogError::ArtifactUnusable`] also for a link
    /// to a folder, a dangling link, a socket or device, and a name that is not UTF-8.
    pub fn of_tree(path: &Path) -> Result<Self> {
        Self::compute(path, DigestAlgorithm::Sha256Tree, &mut |_| {})
    }

    /// Returns true if this is the tree digest of a folder by the rules of the first edition, which counted
    /// more files. Hashes nothing if the folder has no file that makes a difference.
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
            // Files that are no part of the model may be unusable.
            Err(_) => Ok(false),
        }
    }

    /// Computes any digest and reports its progress, about once a mebibyte and once at the end.
    ///
    /// # Errors
    ///
    /// The errors of [`of_file`](Self::of_file) and [`of_tree`](Self::of_tree), and
    /// [`DigestError::WrongKind`] if the algorithm is for folders and a file is there, or the other
    /// way round.
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

    /// Computes any digest, as [`compute`](Self::compute), and stops when `progress` fails.
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

    /// The algorithm, if both fields are well-formed for it; letters of either case are.
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

    /// The same digest as it is written in the catalog: checked, lower case.
    pub fn canonical(&self) -> Result<Self, DigestError> {
        let algorithm = self.algorithm()?;
        Ok(Self {
            algo: algorithm.name().to_owned(),
            value: self.value.to_ascii_lowercase(),
        })
    }

    /// Whether a catalog can hold it: lower-case words and hexadecimal digits. Algorithms that only
    /// a newer release computes are held too; a verification checks more.
    pub(crate) fn is_storable(&self) -> bool {
        let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+._-".contains(&b);
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let has_only =
            |text: &str, allowed: fn(u8) -> bool| !text.is_empty() && text.bytes().all(allowed);
        has_only(&self.algo, is_word) && has_only(&self.value, is_hex)
    }

    /// The SHA-256 of a file that was hashed among several.
    pub(crate) fn of_content(content: &FileContent) -> Self {
        Self::from_bytes(DigestAlgorithm::Sha256, &content.sha256)
    }

    /// The tree digest of files that are sorted by the bytes of their names.
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

/// Whether a file or a folder is at a path, behind links.
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
    /// Accepts any `algorithm:value`, as a newer release may know more algorithms than this one.
    /// Computing and comparing check it.
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
