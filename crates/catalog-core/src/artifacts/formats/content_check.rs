use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The check of the content of a model. It uses names, the beginnings of files, and headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ContentCheck {
    /// Refuses content that is known to be wrong: a git-lfs pointer, a web page, the error text of
    /// a server, a file that is shorter than its header states, a missing shard. Content that is
    /// not recognised is a warning.
    #[default]
    RefuseWrong,
    /// Refuses content that is known to be wrong, and also content that is not recognised.
    RefuseUnrecognised,
    /// Checks nothing.
    Skip,
}

/// A warning about unusual content, which does not prove that the model is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContentWarning {
    /// The file.
    pub path: PathBuf,
    /// The reason for the warning.
    pub reason: String,
}
