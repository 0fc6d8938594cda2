use std::borrow::Cow;
use std::fmt;

/// The error of a text that is not a [`ModelRef`](crate::ModelRef): the problem, and its position
/// in the text.
///
/// The error does not repeat the text, because the text may hold a password or a signed query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRefError {
    kind: ModelRefErrorKind,
    position: usize,
}

impl ModelRefError {
    pub(crate) fn new(kind: ModelRefErrorKind, position: usize) -> Self {
        Self { kind, position }
    }

    /// Returns the problem.
    pub fn kind(&self) -> &ModelRefErrorKind {
        &self.kind
    }

    /// Returns the byte offset of the problem in the parsed text. If a part is missing, this is the
    /// offset at which the part was expected.
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

/// The reason why a text is not a [`ModelRef`](crate::ModelRef).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelRefErrorKind {
    /// The text is empty or only white space.
    #[error("it is empty; give a path, hf:org/repo, or a http, https, s3 or oci URL")]
    Empty,
    /// The text has a control character, such as NUL.
    #[error("control character U+{:04X}", u32::from(*.0))]
    ControlCharacter(char),
    /// The text has more than 8192 bytes.
    #[error("it is longer than 8192 bytes")]
    TooLong,
    /// The text has `://` in it but does not begin with a scheme, such as a URL in quotes. It is
    /// not read as a path, because an error could then show a password in it.
    #[error(
        "`://` in a text that begins with no scheme; for a file of that name write ./ in front"
    )]
    LooksLikeUrl,
    /// A scheme such as `https:` is not followed by two slashes.
    #[error("`{0}:` must be followed by `//`")]
    MissingSlashes(String),
    /// A URL has white space in it, outside the key of an `s3://` URL.
    #[error("white space inside a URL; write it as %20")]
    WhiteSpaceInUrl,
    /// The text has a backslash where only `/` separates parts.
    #[error("backslash; parts are separated by `/`")]
    Backslash,
    /// The reference to the hub has no organisation or no repository, as in `hf:org`.
    #[error("`hf:` needs an organisation and a repository, as in hf:org/repo")]
    MissingRepository,
    /// The organisation or the repository has characters that the hub does not allow.
    #[error("{0}")]
    HubName(&'static str),
    /// The repository cannot hold a model, such as `hf:datasets/…`.
    #[error("`{0}` names a hub repository that is not a model")]
    NotAModelRepository(&'static str),
    /// The text after `:` cannot be the tag of a quantisation.
    #[error("{0}")]
    Quantisation(&'static str),
    /// The revision cannot be a branch, a tag, a commit or `refs/…`.
    #[error("{0}")]
    Revision(&'static str),
    /// The path has an empty part: two slashes in a row, or a slash at the end.
    #[error("empty part in the path")]
    EmptyPart,
    /// A remote path has a part that is `.` or `..`.
    #[error("`.` or `..` in a remote path")]
    DotPart,
    /// A part of a remote path is longer than common file systems allow.
    #[error("a part of the path is longer than 255 bytes")]
    LongPart,
    /// A part of a remote path begins with a drive letter of Windows.
    #[error("a part of the path begins with a drive, as in C:")]
    Drive,
    /// The text has a spelling that only other programs use. The value states the spelling to write
    /// instead.
    #[error("{0}")]
    OtherSpelling(Cow<'static, str>),
    /// The text has a `%` that two hexadecimal digits do not follow.
    #[error("`%` without two hexadecimal digits; a literal percent sign is written %25")]
    PercentEncoding,
    /// The percent-decoded bytes are not UTF-8.
    #[error("percent-decoding gives bytes that are not UTF-8")]
    NotUtf8,
    /// A `file://` URL names a host other than `localhost`.
    #[error("`file://` reaches this host only; write file:///path or file://localhost/path")]
    RemoteFileHost,
    /// The path, the object key or the repository is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The host name, the address, the port or the bucket is invalid.
    #[error("{0}")]
    Authority(&'static str),
    /// The tag or the digest of an `oci://` reference is invalid.
    #[error("{0}")]
    Oci(&'static str),
}
