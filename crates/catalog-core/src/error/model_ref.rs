use std::fmt;

/// Why a text is not a [`ModelRef`](crate::ModelRef), and where.
///
/// The text itself is not repeated: it may hold a password or a signed query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRefError {
    kind: ModelRefErrorKind,
    position: usize,
}

impl ModelRefError {
    pub(crate) fn new(kind: ModelRefErrorKind, position: usize) -> Self {
        Self { kind, position }
    }

    /// The problem.
    pub fn kind(&self) -> &ModelRefErrorKind {
        &self.kind
    }

    /// The byte offset in the text that was parsed at which it goes wrong; for something missing,
    /// where it was expected.
    pub fn position(&self) -> usize {
        self.position
    }
}

impl fmt::Display for ModelRefError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "invalid model reference: {} (at byte {})",
            self.kind, self.position
        )
    }
}

impl std::error::Error for ModelRefError {}

/// The ways in which a text is not a [`ModelRef`](crate::ModelRef).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelRefErrorKind {
    /// Nothing but white space.
    #[error("it is empty; give a path, hf:org/repo, or a http, https, s3 or oci URL")]
    Empty,
    /// A control character, NUL included.
    #[error("control character U+{:04X}", u32::from(*.0))]
    ControlCharacter(char),
    /// More than 8192 bytes.
    #[error("it is longer than 8192 bytes")]
    TooLong,
    /// Something with `://` in it that does not begin with a scheme, as a URL in quotes. It is not
    /// taken for a path, as it may hold a password that would be shown.
    #[error(
        "`://` in a text that begins with no scheme; for a file of that name write ./ in front"
    )]
    LooksLikeUrl,
    /// A scheme of the web without the two slashes that follow it.
    #[error("`{0}:` must be followed by `//`")]
    MissingSlashes(String),
    /// White space inside a URL, other than in a key of `s3://`.
    #[error("white space inside a URL; write it as %20")]
    WhiteSpaceInUrl,
    /// A backslash where only `/` separates.
    #[error("backslash; parts are separated by `/`")]
    Backslash,
    /// `hf:org` or less.
    #[error("`hf:` needs an organisation and a repository, as in hf:org/repo")]
    MissingRepository,
    /// An organisation or repository outside the hub's alphabet.
    #[error("{0}")]
    HubName(&'static str),
    /// `hf:datasets/…` and other repositories that hold no model.
    #[error("`{0}` names a hub repository that is not a model")]
    NotAModelRepository(&'static str),
    /// A revision that cannot name a branch, tag, commit or `refs/…`.
    #[error("{0}")]
    Revision(&'static str),
    /// An empty part in a path: two slashes in a row, or one at the end.
    #[error("empty part in the path")]
    EmptyPart,
    /// A `.` or `..` part in a remote path.
    #[error("`.` or `..` in a remote path")]
    DotPart,
    /// A part of a remote path that is longer than common file systems hold.
    #[error("a part of the path is longer than 255 bytes")]
    LongPart,
    /// A part of a remote path that begins like a drive of Windows.
    #[error("a part of the path begins with a drive, as in C:")]
    Drive,
    /// A spelling that other programs use; it gives the one to write instead.
    #[error("{0}")]
    OtherSpelling(&'static str),
    /// `%` without two hexadecimal digits behind it.
    #[error("`%` without two hexadecimal digits; a literal percent sign is written %25")]
    PercentEncoding,
    /// Percent-decoding gave bytes that are not UTF-8.
    #[error("percent-decoding gives bytes that are not UTF-8")]
    NotUtf8,
    /// `file://host/…` for a host other than `localhost`.
    #[error("`file://` reaches this host only; write file:///path or file://localhost/path")]
    RemoteFileHost,
    /// A reference that ends before its path, object key or repository.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A host name, address, port or bucket that cannot be one.
    #[error("{0}")]
    Authority(&'static str),
    /// A tag or digest of an `oci://` reference that cannot be one.
    #[error("{0}")]
    Oci(&'static str),
}
