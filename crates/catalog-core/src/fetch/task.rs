use std::collections::BTreeSet;

use crate::artifacts::Expectation;
use crate::digest::Basis;
use crate::reference::ModelRef;

/// What a fetcher is to bring into a staging area.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct FetchTask<'t> {
    /// The model.
    pub model_ref: &'t ModelRef,
    /// Only these of its files, by name; all of them unless given.
    pub only: Option<&'t BTreeSet<String>>,
    /// Whether the names are those in the folder that the reference names, as it was found to name
    /// one.
    pub is_folder: bool,
    /// Exactly this revision; the one that the reference says unless given.
    pub revision: Option<&'t str>,
}

impl<'t> FetchTask<'t> {
    /// All that a reference names, as it is now.
    pub fn new(model_ref: &'t ModelRef) -> Self {
        Self {
            model_ref,
            only: None,
            is_folder: false,
            revision: None,
        }
    }
}

/// What a fetcher brought, and what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// What the source says that the bytes are, and what is to be handed out.
    pub expectation: Expectation,
    /// The revision that the source resolved to, such as a commit.
    pub revision: Option<String>,
    /// What the source states of the files: the weakest of all files counts.
    /// [`Nothing`](Basis::Nothing), [`Sizes`](Basis::Sizes) that the fetcher compared, or hashes,
    /// which are in the expectation or were compared by the fetcher.
    pub basis: Basis,
}

impl Fetched {
    /// Bytes of which the source says nothing.
    pub fn new(expectation: Expectation) -> Self {
        Self {
            expectation,
            revision: None,
            basis: Basis::Nothing,
        }
    }
}
