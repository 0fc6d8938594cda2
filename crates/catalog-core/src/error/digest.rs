/// The reason why a digest cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// No `algo:` in front.
    #[error("a digest is written algorithm:hex, as in sha256:9f86d0…; there is no `:` in it")]
    MissingAlgorithm,
    /// An algorithm this library cannot compute, shortened to 32 characters.
    #[error("unknown digest algorithm `{0}`; known are {known}", known = crate::error::digest::KNOWN)]
    UnknownAlgorithm(String),
    /// The right alphabet, the wrong length.
    #[error("a {algorithm} digest has {expected} hexadecimal digits, this one has {found}")]
    WrongLength {
        /// The algorithm it claims.
        algorithm: &'static str,
        /// How many digits that algorithm has.
        expected: usize,
        /// How many characters were found.
        found: usize,
    },
    /// A character that is no ASCII hexadecimal digit.
    #[error("character {position} of the digest is not a hexadecimal digit")]
    NotHex {
        /// The offset in characters within the hexadecimal part.
        position: usize,
    },
    /// A file was to be proved by a digest of folders, or a folder by one of files.
    #[error("a {algorithm} digest proves a {proves}, but {path} is a {found}", path = path.display())]
    WrongKind {
        /// The algorithm that was asked for.
        algorithm: &'static str,
        /// What that algorithm proves: `file` or `folder`.
        proves: &'static str,
        /// The kind of the artifact: `file` or `folder`.
        found: &'static str,
        /// The path of the artifact.
        path: std::path::PathBuf,
    },
    /// The digest of one file was given for a set of shards: give the tree digest of the set.
    #[error("{given} is a digest of one file, and a digest of one shard cannot prove the set of {path}; give {tree}", path = path.display())]
    OfOneShard {
        /// The shard that was named.
        path: std::path::PathBuf,
        /// The digest that was given.
        given: String,
        /// The tree digest of the set as it is now.
        tree: String,
    },
}

/// Spelled for people; `digest::DigestAlgorithm` is what decides, and a test compares the two.
pub(crate) const KNOWN: &str = "sha256, sha512 (files) and sha256-tree (folders)";
