use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::gate::{OpenGate, OutboundGate};
use crate::artifacts::Expectation;
use crate::digest::Basis;
use crate::progress::Limits;
use crate::reference::ModelRef;

/// The limits of a task that has none.
static NO_LIMITS: LazyLock<Limits> = LazyLock::new(Limits::none);

/// The files that a fetcher has to write into a staging area.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct FetchTask<'t> {
    /// The model.
    pub model_ref: &'t ModelRef,
    /// The names of the files to fetch; all files if not given.
    pub only: Option<&'t BTreeSet<String>>,
    /// Whether the names are those in the folder that the reference names, as it was found to name
    /// one.
    pub is_folder: bool,
    /// Exactly this revision; the one that the reference says unless given.
    pub revision: Option<&'t str>,
    /// The gate that decides which hosts may be asked. A new task has an open gate.
    pub gate: &'t dyn OutboundGate,
    /// The deadline and the cancel token of the call. A new task has no limits.
    pub limits: &'t Limits,
}

impl<'t> FetchTask<'t> {
    /// All that a reference names, as it is now.
    pub fn new(model_ref: &'t ModelRef) -> Self {
        Self {
            model_ref,
            only: None,
            is_folder: false,
            revision: None,
            gate: &OpenGate,
            limits: &NO_LIMITS,
        }
    }
}

/// The result of a fetch, with the facts that prove the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// The digests that the source states, and the path to give to users.
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
