use std::env;
use std::fs;
use std::path::PathBuf;

use catalog_core::Hasher;

use super::process::Invocation;
use super::redact::without_secrets;

/// The hub that the command uses by default.
const HUB: &str = "https://huggingface.co";

/// The settings of a fetcher. If a setting is `None`, the value of the environment is used.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) endpoint: Option<String>,
    pub(super) token: Option<String>,
}

impl Settings {
    /// Returns the URL of the hub.
    pub(super) fn hub(&self) -> String {
        let inherited = || env::var("HF_ENDPOINT").ok().filter(|url| !url.is_empty());
        let endpoint = self.endpoint.clone().or_else(inherited);
        endpoint.unwrap_or_else(|| HUB.to_owned())
    }

    /// Sets the environment variables through which the command reads the settings.
    pub(super) fn configure(&self, invocation: &mut Invocation) {
        for name in [
            "HF_HUB_DISABLE_TELEMETRY",
            "HF_HUB_DISABLE_UPDATE_CHECK",
            "HF_HUB_DISABLE_PROGRESS_BARS",
            "NO_COLOR",
        ] {
            invocation.variable(name, "1");
        }
        invocation.variable("HF_ENDPOINT", self.hub());
        if let Some(token) = &self.token {
            invocation.variable("HF_TOKEN", token);
        }
    }

    /// Returns a hash of the URL of the hub and of every place from which the command can read a
    /// token.
    pub(super) fn credentials_id(&self) -> String {
        let variables = [
            "HF_TOKEN",
            "HUGGING_FACE_HUB_TOKEN",
            "HF_TOKEN_PATH",
            "HF_HOME",
            "XDG_CACHE_HOME",
            "HOME",
        ];
        let values = variables.map(env::var_os);
        let [_, _, token_path, hf_home, xdg_cache, home] = values.clone();
        let token_file = token_path.map(PathBuf::from).or_else(|| {
            let cache = xdg_cache
                .map(PathBuf::from)
                .or_else(|| Some(PathBuf::from(home?).join(".cache")));
            let folder = hf_home
                .map(PathBuf::from)
                .or_else(|| Some(cache?.join("huggingface")));
            Some(folder?.join("token"))
        });
        let token = token_file.and_then(|file| fs::read(file).ok());
        let mut hasher = Hasher::new();
        let given = format!("{} {:?} {values:?} {token:?}", self.hub(), self.token);
        hasher.update(given.as_bytes());
        hasher.finish().value
    }

    /// Returns a text without its secrets.
    pub(super) fn without_secrets(&self, text: &str) -> String {
        let inherited = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].map(|name| env::var(name).ok());
        let tokens = inherited.into_iter().flatten().chain(self.token.clone());
        let known: Vec<String> = tokens.map(|token| token.trim().to_owned()).collect();
        without_secrets(text, &known)
    }
}
