use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The source of bytes: where, how and in which state they were fetched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance {
    /// The place that they came from; secrets in it are left out.
    pub source: Option<String>,
    /// The revision that the source resolved to.
    pub revision: Option<String>,
    /// The name of the fetcher.
    pub fetcher: String,
    /// The names of the requested files. It is empty if all were requested.
    pub requested: BTreeSet<String>,
    /// The names of those files that are companions of the model.
    pub companions: BTreeSet<String>,
    /// The validators of single files, by name, as the source stated them.
    pub validators: BTreeMap<String, Validators>,
    /// The source's own spelling of the repository, if it is not that of the id; secrets in it are
    /// left out.
    pub source_spelling: Option<String>,
}

/// The validators of one file at its source. A later request can ask the source whether the file
/// changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Validators {
    /// The `ETag` of an HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The `Last-Modified` of an HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}
