use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::file::file_text;
use super::hf::{HfFields, HfParts};
use super::parse::{Parsed, parse};
use super::redact::redact_url;
use crate::error::{ModelRefError, Result};

/// A reference to a model, as a person writes it.
///
/// # Grammar
///
/// White space around the text is trimmed. A control character anywhere is an error. A scheme is
/// accepted in any case. [`ModelRefError`] has the error and the byte where it is.
///
/// - `hf:org/repo[@revision][/path]`, also `hf://…`: a repository of the Hugging Face hub, or a
///   file or folder in it.
/// - `hf:org/repo[@revision]:TAG`: the model of a quantisation in a repository with several `.gguf`
///   models, such as `hf:org/repo:Q4_K_M`.
///   - `org` and `repo`: 1 to 96 of ASCII letters, digits, `-`, `_`, `.`; no `-` or `.` at either
///     end, no `--`, no `..`, no `.git` at the end. One `/` may follow `repo`.
///   - `revision`: a branch, tag or commit of ASCII letters, digits, `.`, `_`, `-`, `+`. A slash is
///     written `%2F`. Only `refs/pr/N` and `refs/convert/NAME` may have plain slashes.
///   - `TAG`: 1 to 64 of ASCII letters, digits, `_`, `-`, `.`. It is printed in upper case. No path
///     follows.
///   - `path`: parts joined by `/`; no empty, `.` or `..` part, no backslash, no drive letter. The
///     path is not percent-decoded.
/// - `file:/abs`, `file:rel`: a local path, taken literally. `file:///abs` and
///   `file://localhost/abs`: the same, percent-decoded once.
/// - `http://host[:port][/path]`, `https://…`: a file on a web server.
/// - `s3://bucket/key`: an object. The key is taken literally and may have blanks.
/// - `oci://registry/repository[:tag][@digest]`: an artifact in a registry.
/// - `word://…`: a URL for the [fetcher](crate::ModelFetcher) of a third party. The word has at
///   least two characters: ASCII letters, digits, `+`, `-` and `.`, with a letter first. The rest
///   is not decoded. It has no white space and no backslash.
/// - `ollama:`, `docker:` and some other schemes of other programs are errors. The error states the
///   spelling to write.
/// - Any other text is a local path: `rel/path`, `./x`, `/abs`, `C:\x`. A path that contains `://`
///   must begin with `/`, `./` or `../`.
/// - A reference has at most 8192 bytes, both as given and as printed.
///
/// # Text and secrets
///
/// [`Display`](fmt::Display) and [`FromStr`] round-trip, except for secrets. `Display`, `Debug`,
/// [`id`](Self::id) and serialisation do not show user names, passwords, or the values of query
/// parameters that carry a signature, token, key or credential. Only the public field `url` holds
/// them, for fetchers.
///
/// ```
/// use catalog_core::ModelRef;
///
/// let mr = ModelRef::parse("hf://org/repo@v1.0/weights/model.gguf")?;
/// let parts = mr.as_hf().expect("it is a hub reference");
/// assert_eq!((parts.org, parts.name), ("org", "repo"));
/// assert_eq!((parts.revision, parts.path), (Some("v1.0"), Some("weights/model.gguf")));
/// assert_eq!(mr.id()?, "hf:org/repo@v1.0/weights/model.gguf");
///
/// let signed = ModelRef::parse("https://u:pw@host/m.gguf?part=1&X-Amz-Signature=5EC2E7")?;
/// assert_eq!(signed.to_string(), "https://REDACTED@host/m.gguf?part=1&X-Amz-Signature=REDACTED");
/// assert_eq!(signed.id()?, "https://host/m.gguf?part=1");
/// # Ok::<(), catalog_core::CatalogError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum ModelRef {
    /// A repository of the hub, or a file or folder in it. References keep the case of letters:
    /// `hf:Qwen/Qwen3` and `hf:qwen/qwen3` are two models in a catalog, although the hub serves the
    /// same repository for both. The store keeps equal bytes of both once.
    Hf {
        /// The organisation or user.
        org: String,
        /// The name with the revision and the tag of the quantisation, if there are any:
        /// `name@revision:TAG`. [`ModelRef::as_hf`] splits it.
        repo: String,
        /// A file or folder in the repository.
        path: Option<String>,
    },
    /// A local file or folder.
    File {
        /// The path of the file or folder: absolute, or relative to the current folder of the
        /// process.
        path: PathBuf,
    },
    /// A URL of `http`, `https`, `s3` or `oci`, or of a scheme that the fetcher of a third party
    /// handles.
    Url {
        /// The URL as it was given, with its secrets.
        url: String,
    },
}

impl ModelRef {
    /// Parses a reference by the [grammar](Self#grammar) of this type.
    ///
    /// # Errors
    ///
    /// [`CatalogError::InvalidRef`](crate::CatalogError::InvalidRef) if the text is not a model
    /// reference.
    pub fn parse(s: &str) -> Result<Self> {
        Ok(s.parse()?)
    }

    /// Returns the parts of a hub reference, with the revision and the tag of the quantisation split
    /// off from the name. Returns `None` for other references.
    pub fn as_hf(&self) -> Option<HfParts<'_>> {
        match self {
            Self::Hf { org, repo, path } => Some(HfParts::new(org, repo, path.as_deref())),
            Self::File { .. } | Self::Url { .. } => None,
        }
    }

    /// Returns the host of a URL in lower case, without its port. Returns `None` for other
    /// references.
    pub fn host(&self) -> Option<String> {
        match self {
            Self::Url { url } => super::url::host_of(url),
            Self::Hf { .. } | Self::File { .. } => None,
        }
    }

    /// Returns the scheme in lower case, such as `hf`, `file` or `https`.
    pub fn scheme(&self) -> Cow<'_, str> {
        match self {
            Self::Hf { .. } => "hf".into(),
            Self::File { .. } => "file".into(),
            Self::Url { url } => match super::url::split_url(url) {
                Some(parts) => parts.scheme_text.to_ascii_lowercase().into(),
                None => "url".into(),
            },
        }
    }
}

impl FromStr for ModelRef {
    type Err = ModelRefError;

    fn from_str(text: &str) -> Result<Self, ModelRefError> {
        Ok(match parse(text)? {
            Parsed::Hf(HfFields { org, repo, path }) => Self::Hf { org, repo, path },
            Parsed::File(path) => Self::File { path },
            Parsed::Url(url) => Self::Url { url },
        })
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url { url } => f.write_str(&redact_url(url)),
            Self::File { path } => f.write_str(&file_text(path)),
            Self::Hf { .. } => match self.as_hf() {
                Some(parts) => parts.fmt(f),
                None => Ok(()),
            },
        }
    }
}

impl fmt::Debug for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ModelRef").field(&self.to_string()).finish()
    }
}

impl Serialize for ModelRef {
    /// Serialises the `Display` form, so that a log or an index never holds a secret.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModelRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
