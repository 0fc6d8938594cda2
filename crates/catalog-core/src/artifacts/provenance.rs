use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// What is known of bytes besides what they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance {
    /// Where they came from; secrets in it are left out.
    pub source: Option<String>,
    /// The revision that the source resolved to.
    pub revision: Option<String>,
    /// What brought them.
    pub fetcher: String,
    /// The names of the files that were asked for; empty if all were.
    pub requested: BTreeSet<String>,
    /// The names of those files that are companions of the model.
    pub companions: BTreeSet<String>,
    /// What the source said of the state of single files, by name.
    pub validators: BTreeMap<String, Validators>,
    /// The source's own spelling of the repository, if it is not that of the id; secrets in it are
    /// left out.
    pub source_spelling: Option<String>,
}

/// What a source of files says of the state of one, to be asked later whether it has changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Validators {
    /// The `ETag` of an HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The `Last-Modified` of an HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}
