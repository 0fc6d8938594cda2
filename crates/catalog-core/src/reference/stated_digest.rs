use super::model_ref::ModelRef;
use super::url::{UrlScheme, split_url};
use crate::digest::Digest;
use crate::error::{CatalogError, Result};

/// The begin of a fragment that states a digest.
const SHA256: &str = "sha256=";

impl ModelRef {
    /// Returns the digest that the fragment of an `http` or `https` URL states, as in
    /// `https://example.org/model.gguf#sha256=…`. It is the expected digest of the model, and no
    /// part of its id.
    ///
    /// # Errors
    ///
    /// [`CatalogError::InvalidDigest`] if the text after `sha256=` is no SHA-256.
    pub fn stated_digest(&self) -> Result<Option<Digest>> {
        let Self::Url { url } = self else {
            return Ok(None);
        };
        let Some(parts) = split_url(url) else {
            return Ok(None);
        };
        let is_http = matches!(parts.scheme, UrlScheme::Http | UrlScheme::Https);
        let stated = parts.fragment.and_then(|text| text.strip_prefix(SHA256));
        match stated.filter(|_| is_http) {
            None => Ok(None),
            Some(hex) => {
                let digest = format!("sha256:{hex}").parse::<Digest>();
                let digest = digest.and_then(|digest| digest.canonical());
                digest.map(Some).map_err(CatalogError::InvalidDigest)
            }
        }
    }
}
