use super::model_ref::ModelRef;
use super::url::{UrlScheme, split_url};
use crate::digest::Digest;
use crate::error::{CatalogError, DigestError, Result};

/// The begin of a fragment that states a digest.
const SHA256: &str = "sha256=";

impl ModelRef {
    /// Returns the digest that the fragment of an `http` or `https` URL states, as in
    /// `https://example.org/model.gguf#sha256=…`. It is the expected digest of the model, and no
    /// part of its id.
    ///
    /// # Errors
    ///
    /// [`CatalogError::InvalidDigest`] if the text after `sha256=` is no SHA-256, or if the fragment
    /// states a digest in another form, such as `sha256:…` or `md5=…`.
    pub fn stated_digest(&self) -> Result<Option<Digest>> {
        let Self::Url { url } = self else {
            return Ok(None);
        };
        let Some(parts) = split_url(url) else {
            return Ok(None);
        };
        let is_http = matches!(parts.scheme, UrlScheme::Http | UrlScheme::Https);
        let stated = parts.fragment.and_then(|text| text.strip_prefix(SHA256));
        let other = parts.fragment.filter(|text| is_http && states_other(text));
        match stated.filter(|_| is_http) {
            None => match other {
                None => Ok(None),
                Some(_) => Err(CatalogError::InvalidDigest(DigestError::Fragment)),
            },
            Some(hex) => {
                let digest = format!("sha256:{hex}").parse::<Digest>();
                let digest = digest.and_then(|digest| digest.canonical());
                digest.map(Some).map_err(CatalogError::InvalidDigest)
            }
        }
    }
}

/// Returns true if a fragment seems to state a digest in another form than `sha256=HEX`.
fn states_other(fragment: &str) -> bool {
    let names = ["sha256", "sha512", "sha1", "md5", "blake3", "crc32"];
    if fragment.starts_with(SHA256) {
        return false;
    }
    let fragment = fragment.to_ascii_lowercase().replace("sha-", "sha");
    let begins_so = |name: &&str| {
        let rest = fragment.strip_prefix(*name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['=', ':', '-']))
    };
    names.iter().any(begins_so)
}
