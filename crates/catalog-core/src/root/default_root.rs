use std::path::PathBuf;

/// Returns the default root for the models of a user: `~/.cache/models`, or `/var/cache/models` for
/// an account without a home folder.
pub fn default_model_cache_dir() -> PathBuf {
    dirs::home_dir().map_or_else(
        || PathBuf::from("/var/cache/models"),
        |home| home.join(".cache").join("models"),
    )
}
