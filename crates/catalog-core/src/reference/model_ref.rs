use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::file::file_text;
use super::hf::{HfFields, HfParts, split_repo};
use super::parse::{Parsed, parse};
use super::redact::redact_url;
use crate::error::{ModelRefError, Result};

/// A reference to a model, as a person writes it.
///
/// # Grammar
///
/// Surrounding white space is trimmed; a control character anywhere is an error. Schemes are read
/// in any case. [`ModelRefError`] says what is wrong and at which byte.
///
/// - `hf:org/repo[@revision][/path]`, also `hf://…`: a repository of the Hugging Face hub, or a
///   file or folder in it.
///   - `org` and `repo`: 1 to 96 of ASCII letters, digits, `-`, `_`, `.`; no `-` or `.` at either
///     end, no `--`, no `..`, no `.git` at the end. One `/` may follow `repo`.
///   - `revision`: a branch, tag or commit of ASCII letters, digits, `.`, `_`, `-`, `+`; a slash in
///     it is written `%2F`, only `refs/pr/N` and `refs/convert/NAME` are understood as they are.
///   - `path`: parts joined by `/`; no empty, `.` or `..` part, no backslash, no drive. Nothing
///     in it is decoded.
/// - `file:/abs`, `file:rel`: a local path, taken literally. `file:///abs` and
///   `file://localhost/abs`: the same, percent-decoded once.
/// - `http://host[:port][/path]`, `https://…`: a file on a web server.
/// - `s3://bucket/key`: an object; the key is taken literally, blanks included.
/// - `oci://registry/repository[:tag][@digest]`: an artifact in a registry.
/// - `word://…`: a URL of a [fetcher](crate::ModelFetcher) of a third party. The word is ASCII letters,
///   digits, `+`, `-` and `.`, at least two, with a letter first. The rest is not decoded; it holds
///   no white space and no backslash.
/// - some schemes of other programs, such as `ollama:` and `docker:`, are errors that give the
///   spelling to write.
/// - everything else is a local path: `rel/path`, `./x`, `/abs`, `C:\x`; but with `://` in it,
///   only behind `/`, `./` or `../`.
/// - nothing is longer than 8192 bytes, as it is given or as it is printed.
///
/// # Text and secrets
///
/// [`Display`](fmt::Display) and [`FromStr`] round-trip, except that secrets never print:
/// `Display`, `Debug`, [`id`](Self::id) and serialisation leave out user names and passwords, and
/// the values of query parameters that carry a signature, token, key or credential. Only the public
/// field `url` still holds them, for fetchers.
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
    /// A repository of the hub, or a file in it. The case of letters is kept: `hf:Qwen/Qwen3` and
    /// `hf:qwen/qwen3` are two models of a catalog, although the hub serves one repository for both. Equal
    /// bytes of both are stored once.
    Hf {
        /// The organisation or user.
        org: String,
        /// The name, or `name@revision`; [`ModelRef::as_hf`] splits it.
        repo: String,
        /// A file or folder in the repository.
        path: Option<String>,
    },
    /// A local file or folder.
    File {
        /// Its path, absolute or relative to the process's folder.
        path: PathBuf,
    },
    /// A URL: of `http`, `https`, `s3` or `oci`, or of the scheme of a fetcher of a third party.
    Url {
        /// The URL as it was given, secrets included.
        url: String,
    },
}

impl ModelRef {
    /// Reads a reference; the grammar is on [the type](Self#grammar).
    ///
    /// # Errors
    ///
    /// [`CatalogError::InvalidRef`](crate::CatalogError::InvalidRef) if the text is not a model
    /// reference.
    pub fn parse(s: &str) -> Result<Self> {
        Ok(s.parse()?)
    }

    /// The parts of a hub reference, with the revision apart from the name.
    pub fn as_hf(&self) -> Option<HfParts<'_>> {
        match self {
            Self::Hf { org, repo, path } => {
                let (name, revision) = split_repo(repo);
                Some(HfParts {
                    org,
                    name,
                    revision,
                    path: path.as_deref(),
                })
            }
            Self::File { .. } | Self::Url { .. } => None,
        }
    }

    /// Returns the host of a URL in lower case, without its port. Other references have none.
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
    /// Writes the `Display` form: a log or an index never holds a secret.
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
