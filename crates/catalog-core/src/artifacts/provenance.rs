use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The source of bytes: where, how and in which state they were fetched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
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

impl Provenance {
    /// Sets the place that the bytes came from.
    #[must_use]
    pub fn source(mut self, source: impl Into<Option<String>>) -> Self {
        self.source = source.into();
        self
    }

    /// Sets the revision that the source resolved to.
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

    /// Sets the source's own spelling of the repository.
    #[must_use]
    pub fn source_spelling(mut self, source_spelling: impl Into<Option<String>>) -> Self {
        self.source_spelling = source_spelling.into();
        self
    }
}

/// The validators of one file at its source. A later request can ask the source whether the file
/// changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Validators {
    /// The `ETag` of an HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The `Last-Modified` of an HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

impl Validators {
    /// Creates the validators of a file, as far as the source states them.
    pub fn new(etag: impl Into<Option<String>>, last_modified: impl Into<Option<String>>) -> Self {
        Self {
            etag: etag.into(),
            last_modified: last_modified.into(),
        }
    }
}
