/// The reason why a digest cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// The text does not begin with an algorithm and a colon.
    #[error("a digest is written algorithm:hex, as in sha256:9f86d0…; there is no `:` in it")]
    MissingAlgorithm,
    /// The library cannot compute the algorithm. Its name is shortened to 32 characters.
    #[error("unknown digest algorithm `{0}`; known are {known}", known = crate::error::digest::KNOWN)]
    UnknownAlgorithm(String),
    /// The digest has only hexadecimal digits, but the wrong number of them.
    #[error("a {algorithm} digest has {expected} hexadecimal digits, but this one has {found}")]
    WrongLength {
        /// The algorithm of the digest.
        algorithm: &'static str,
        /// The number of digits that a digest of the algorithm has.
        expected: usize,
        /// The number of characters in the text.
        found: usize,
    },
    /// The digest has a character that is not an ASCII hexadecimal digit.
    #[error("character {position} of the digest is not a hexadecimal digit")]
    NotHex {
        /// The offset in characters within the hexadecimal part.
        position: usize,
    },
    /// The fragment of a URL states a digest in another form than `#sha256=HEX`.
    #[error(
        "the fragment of the reference states a digest in another form than #sha256=HEX; correct or remove the fragment"
    )]
    Fragment,
    /// The digest is of the wrong kind: a digest of folders cannot prove a file, and a digest of
    /// files cannot prove a folder.
    #[error("a {algorithm} digest proves a {proves}, but {path} is a {found}", path = path.display())]
    WrongKind {
        /// The algorithm of the digest.
        algorithm: &'static str,
        /// The kind of artifact that the algorithm proves: `file` or `folder`.
        proves: &'static str,
        /// The kind of the artifact: `file` or `folder`.
        found: &'static str,
        /// The path of the artifact.
        path: std::path::PathBuf,
    },
    /// The digest is of one shard and cannot prove the set of shards: give the tree digest of the
    /// set.
    #[error("{given} is a digest of one file, and a digest of one shard cannot prove the set of {path}; give {tree}", path = path.display())]
    OfOneShard {
        /// The path of the shard.
        path: std::path::PathBuf,
        /// The digest that was given.
        given: String,
        /// The tree digest of the present set.
        tree: String,
    },
}

/// The known algorithms, for error texts. `digest::DigestAlgorithm` defines them, and a test
/// compares the two.
pub(crate) const KNOWN: &str = "sha256, sha512 (files) and sha256-tree (folders)";
