use std::fmt;
use std::fs;
use std::path::PathBuf;

use super::error::NetError;
use super::url::Url;

/// The address of the hub.
const DEFAULT: &str = "https://huggingface.co";

/// The hosts of the hub. A mirror may name them in its answers.
const HOSTS: [&str; 3] = ["huggingface.co", "hf.co", "www.huggingface.co"];

/// The largest file of a token, in bytes.
const MAX_TOKEN: u64 = 4096;

/// The access to the Hugging Face hub: its address and a token. A new value has the public address
/// and no token.
///
/// ```
/// use model_fetchers::{HubConfig, NetworkConfig};
///
/// let hub = HubConfig::default().token_file("/run/secrets/hf-token");
/// let config = NetworkConfig::default().hub(hub);
/// # drop(config);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HubConfig {
    /// The URL of the hub, or of a mirror.
    pub endpoint: String,
    /// Whether requests to the hub fail without a connection.
    pub is_offline: bool,
    token: Token,
}

/// The source of a token.
#[derive(Clone, PartialEq, Eq)]
enum Token {
    None,
    Value(String),
    /// A file that is read for each call. `is_optional` tells whether the file may be missing.
    File {
        path: PathBuf,
        is_optional: bool,
    },
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            endpoint: DEFAULT.to_owned(),
            is_offline: false,
            token: Token::None,
        }
    }
}

impl HubConfig {
    /// Reads the variables of the hub: `HF_ENDPOINT`, `HF_HUB_OFFLINE`, and the token from
    /// `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN`, the file `HF_TOKEN_PATH`, or the file `token` in
    /// `HF_HOME`, in this order.
    pub(super) fn from_variables(get: &dyn Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| {
            get(name)
                .map(|value| value.trim().to_owned())
                .filter(|value| !value.is_empty())
        };
        let mut config = Self::default();
        if let Some(endpoint) = get("HF_ENDPOINT") {
            config.endpoint = endpoint;
        }
        let is_true = |value: String| {
            ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str())
        };
        config.is_offline = get("HF_HUB_OFFLINE").is_some_and(is_true);
        if let Some(token) = get("HF_TOKEN").or_else(|| get("HUGGING_FACE_HUB_TOKEN")) {
            return config.token(token);
        }
        let cache = || {
            get("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| Some(PathBuf::from(get("HOME")?).join(".cache")))
        };
        let home = || {
            get("HF_HOME")
                .map(PathBuf::from)
                .or_else(|| Some(cache()?.join("huggingface")))
        };
        let path = get("HF_TOKEN_PATH")
            .map(PathBuf::from)
            .or_else(|| Some(home()?.join("token")));
        if let Some(path) = path {
            config.token = Token::File {
                path,
                is_optional: true,
            };
        }
        config
    }

    /// Sets the URL of the hub. If a mirror names the public hub in an answer, the request goes
    /// to this URL.
    #[must_use]
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = url.into();
        self
    }

    /// Sets the token. It is sent to the origin of the endpoint only.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Token::Value(token.into());
        self
    }

    /// Sets the file of the token. It is read for each call, so a new token needs no new fetcher.
    #[must_use]
    pub fn token_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.token = Token::File {
            path: path.into(),
            is_optional: false,
        };
        self
    }

    /// Lets requests to the hub fail without a connection. Models on this host stay usable.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.is_offline = true;
        self
    }

    /// Reads the endpoint. The error names the value.
    pub(crate) fn url(&self) -> Result<Url, String> {
        let endpoint = self.endpoint.trim_end_matches('/');
        let parsed = Url::parse(endpoint);
        let (url, authorization) = parsed.map_err(|why| {
            let shown = match endpoint.contains('@') {
                true => "",
                false => endpoint,
            };
            format!(
                "the endpoint of the hub (HF_ENDPOINT) is unusable: {why}: {shown:?}; write it \
                     as https://HOST"
            )
        })?;
        if authorization.is_some() || endpoint.contains(['?', '#']) {
            return Err(
                "the endpoint of the hub has a user name, a query or a fragment; give only \
                        its address, and the token by itself"
                    .to_owned(),
            );
        }
        Ok(url)
    }

    /// Reads the token, and returns the value of the header `Authorization`.
    pub(crate) fn authorization(&self) -> Result<Option<String>, NetError> {
        let refuse = |detail: String| Err(NetError::Configuration(detail));
        let (token, place) = match &self.token {
            Token::None => return Ok(None),
            Token::Value(value) => (value.clone(), "the token of the hub".to_owned()),
            Token::File { path, is_optional } => {
                let place = format!("the file {} with the token of the hub", path.display());
                // A pipe would wait for a writer.
                let is_usable =
                    |metadata: fs::Metadata| metadata.is_file() && metadata.len() <= MAX_TOKEN;
                match fs::metadata(path)
                    .map(is_usable)
                    .and_then(|is_usable| match is_usable {
                        true => fs::read_to_string(path).map(Some),
                        false => Ok(None),
                    }) {
                    Ok(Some(text)) => (text, place),
                    Ok(None) => return refuse(format!("{place} is no file, or is too long")),
                    Err(error) if *is_optional && error.kind() == std::io::ErrorKind::NotFound => {
                        return Ok(None);
                    }
                    Err(error) => return refuse(format!("{place} cannot be read: {error}")),
                }
            }
        };
        match token.trim() {
            "" => Ok(None),
            token if token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Some(format!("Bearer {token}")))
            }
            _ => refuse(format!(
                "{place} holds blanks or other characters that no token has"
            )),
        }
    }
}

impl fmt::Debug for HubConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = match &self.token {
            Token::None => "none".to_owned(),
            Token::Value(_) => "given".to_owned(),
            Token::File { path, .. } => format!("in {}", path.display()),
        };
        f.debug_struct("HubConfig")
            .field("endpoint", &self.url().ok())
            .field("is_offline", &self.is_offline)
            .field("token", &token)
            .finish()
    }
}

/// Returns true if a host is the public hub.
pub(crate) fn is_hub(host: &str) -> bool {
    HOSTS.contains(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> HubConfig {
        HubConfig::from_variables(&|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    /// NET-201
    #[test]
    fn the_token_of_the_environment_is_the_first_of_its_places() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        fs::write(folder.path().join("token"), " hf_file\n").unwrap();
        let named = folder.path().join("named");
        fs::write(&named, "hf_named").unwrap();
        let named = ("HF_TOKEN_PATH", named.to_str().unwrap());
        let home = ("HF_HOME", home);
        let second = ("HUGGING_FACE_HUB_TOKEN", "hf_second");
        for (variables, token) in [
            (
                &[("HF_TOKEN", " hf_first "), second, named, home][..],
                "hf_first",
            ),
            (&[("HF_TOKEN", " "), second, named, home], "hf_second"),
            (&[named, home], "hf_named"),
            (&[home], "hf_file"),
        ] {
            let found = of(variables).authorization().unwrap();
            assert_eq!(found, Some(format!("Bearer {token}")), "{variables:?}");
        }
        let nowhere = of(&[("HF_HOME", "/nowhere")]);
        assert_eq!(nowhere.authorization().unwrap(), None);
    }

    /// NET-201
    #[test]
    fn an_unusable_token_or_endpoint_is_an_error_that_does_not_show_it() {
        let missing = HubConfig::default().token_file("/nowhere/token");
        let error = missing.authorization().unwrap_err().to_string();
        assert!(error.contains("/nowhere/token"), "{error}");
        let blank = HubConfig::default().token("hf_a b");
        let error = blank.authorization().unwrap_err().to_string();
        assert!(!error.contains("hf_a"), "{error}");
        assert!(!format!("{blank:?}").contains("hf_a"));
        for endpoint in [
            "https://user:pw@hub.example",
            "hub.example",
            "https://hub.example/?a=b",
        ] {
            let error = HubConfig::default().endpoint(endpoint).url().unwrap_err();
            assert!(!error.contains("pw"), "{error}");
        }
        let config = of(&[
            ("HF_ENDPOINT", "https://mirror.example/hf/"),
            ("HF_HUB_OFFLINE", "1"),
        ]);
        assert_eq!(
            config.url().unwrap().as_secret_str(),
            "https://mirror.example/hf"
        );
        assert!(config.is_offline);
    }
}
