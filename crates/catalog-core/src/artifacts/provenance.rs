use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::reference::FilePatterns;

/// The provenance of the bytes of a model: their source, their revision, and the fetcher.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Provenance {
    /// The place that the bytes came from. Secrets are removed when it is stored.
    pub source: Option<String>,
    /// The resolved revision of the source, such as a commit.
    pub revision: Option<String>,
    /// The name of the fetcher.
    pub fetcher: String,
    /// The names of the requested files. It is empty if all files were requested.
    pub requested: BTreeSet<String>,
    /// The patterns that chose the requested files: a file was requested if one of the patterns has
    /// its name. It is empty if all files were requested.
    pub patterns: BTreeSet<FilePatterns>,
    /// The names of the files that are companions of the model.
    pub companions: BTreeSet<String>,
    /// The validators that the source stated for single files, by name.
    pub validators: BTreeMap<String, Validators>,
    /// The spelling of the repository at the source. It is `None` if it is the same as in the id.
    /// Secrets are removed when it is stored.
    pub source_spelling: Option<String>,
}

impl Provenance {
    /// Sets the place that the bytes came from.
    #[must_use]
    pub fn source(mut self, source: impl Into<Option<String>>) -> Self {
        self.source = source.into();
        self
    }

    /// Sets the resolved revision of the source.
    #[must_use]
    pub fn revision(mut self, revision: impl Into<Option<String>>) -> Self {
        self.revision = revision.into();
        self
    }

    /// Sets the name of the fetcher.
    #[must_use]
    pub fn fetcher(mut self, fetcher: impl Into<String>) -> Self {
        self.fetcher = fetcher.into();
        self
    }

    /// Sets the names of the requested files.
    #[must_use]
    pub fn requested(mut self, requested: BTreeSet<String>) -> Self {
        self.requested = requested;
        self
    }

    /// Sets the patterns that chose the requested files.
    #[must_use]
    pub fn patterns(mut self, patterns: BTreeSet<FilePatterns>) -> Self {
        self.patterns = patterns;
        self
    }

    /// Sets the names of the files that are companions of the model.
    #[must_use]
    pub fn companions(mut self, companions: BTreeSet<String>) -> Self {
        self.companions = companions;
        self
    }

    /// Sets the validators of single files, by name.
    #[must_use]
    pub fn validators(mut self, validators: BTreeMap<String, Validators>) -> Self {
        self.validators = validators;
        self
    }

    /// Sets the spelling of the repository at the source.
    #[must_use]
    pub fn source_spelling(mut self, source_spelling: impl Into<Option<String>>) -> Self {
        self.source_spelling = source_spelling.into();
        self
    }
}

/// The validators of one file at its source. A later request uses them to ask the source whether
/// the file changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Validators {
    /// The `ETag` header of an HTTP response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The `Last-Modified` header of an HTTP response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

impl Validators {
    /// Creates the validators of a file. The source may state both, one or none of them.
    pub fn new(etag: impl Into<Option<String>>, last_modified: impl Into<Option<String>>) -> Self {
        Self {
            etag: etag.into(),
            last_modified: last_modified.into(),
        }
    }
}
