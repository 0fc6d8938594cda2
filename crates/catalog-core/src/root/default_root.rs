use std::path::PathBuf;

/// Where the models of a user are kept unless told otherwise: `~/.cache/models`.
///
/// For an account without a home folder, `/var/cache/models`.
pub fn default_model_cache_dir() -> PathBuf {
    dirs::home_dir().map_or_else(
        || PathBuf::from("/var/cache/models"),
        |home| home.join(".cache").join("models"),
    )
}
