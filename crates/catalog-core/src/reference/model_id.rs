use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use super::redact::shown_id;
use crate::error::{CatalogError, Result};

/// The id of a model in a catalog: a checked text that holds no secret.
///
/// An id is any text that [`put`](crate::CatalogStore::put) accepts: 1 to
/// [`MAX_LEN`](Self::MAX_LEN) bytes, and not a URL with a user name, a password or a signature.
/// [`ModelRef::model_id`](crate::ModelRef::model_id) returns the id of a reference.
///
/// ```
/// use catalog_core::{ModelId, ModelRef};
///
/// let id: ModelId = "chat".parse()?;
/// assert_eq!(id.as_str(), "chat");
/// assert!("https://user:password@host/m.gguf".parse::<ModelId>().is_err());
/// let reference = ModelRef::parse("https://user:password@host/m.gguf")?;
/// assert_eq!(reference.model_id()?.as_str(), "https://host/m.gguf");
/// # Ok::<(), catalog_core::CatalogError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(String);

impl ModelId {
    /// The maximum length of an id, in bytes.
    pub const MAX_LEN: usize = 8192;

    /// Creates an id from a text, after checking the text.
    ///
    /// # Errors
    ///
    /// [`CatalogError::InvalidEntry`] if the text is empty, longer than [`MAX_LEN`](Self::MAX_LEN)
    /// bytes, or a URL with a secret in it. The message does not show the secret.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        Self::check(&text)?;
        Ok(Self(text))
    }

    /// Returns the text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks a text that will be the id of a model or an engine.
    pub(crate) fn check(text: &str) -> Result<()> {
        let invalid = |id: String, problem| Err(CatalogError::InvalidEntry { id, problem });
        if text.len() > Self::MAX_LEN {
            // Hide the secrets first: shortening the text could cut a secret in two.
            let start: String = shown_id(text).chars().take(64).collect();
            return invalid(start, "its id is longer than 8192 bytes");
        }
        if text.is_empty() {
            return invalid(String::new(), "its id is empty");
        }
        let shown = shown_id(text);
        if shown != text {
            let problem = "its id is a URL with a secret in it; use the id that ModelRef gives";
            return invalid(shown, problem);
        }
        Ok(())
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Deref for ModelId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ModelId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ModelId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModelId {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

impl TryFrom<&str> for ModelId {
    type Error = CatalogError;

    fn try_from(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

impl TryFrom<String> for ModelId {
    type Error = CatalogError;

    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

impl From<ModelId> for String {
    fn from(id: ModelId) -> Self {
        id.0
    }
}
