use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The check of the content of a model, as far as names, beginnings and headers tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ContentCheck {
    /// Content that is known to be wrong is refused: a git-lfs pointer, a web page, the error text of a
    /// server, a file that is shorter than its own header says, a missing shard. Content that is not
    /// recognised is a warning.
    #[default]
    RefuseWrong,
    /// Content that is not recognised is refused, too.
    RefuseUnrecognised,
    /// Nothing is checked.
    Skip,
}

/// Something about the content of a model that is unusual, and no proof that the model is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContentWarning {
    /// The file.
    pub path: PathBuf,
    /// The reason for the warning.
    pub reason: String,
}
