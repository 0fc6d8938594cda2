use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::gate::{OpenGate, OutboundGate};
use crate::artifacts::Expectation;
use crate::digest::Basis;
use crate::progress::Limits;
use crate::reference::ModelRef;

/// The limits of a task that has none.
static NO_LIMITS: LazyLock<Limits> = LazyLock::new(Limits::none);

/// A request to write files of a model into a staging area.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct FetchTask<'t> {
    /// The model.
    pub model_ref: &'t ModelRef,
    /// The files of the model to fetch. A new task asks for all.
    pub files: TaskFiles<'t>,
    /// The revision to fetch, instead of the one that the reference states.
    pub revision: Option<&'t str>,
    /// The gate that decides which hosts may be asked. A new task has an open gate.
    pub gate: &'t dyn OutboundGate,
    /// The deadline and the cancel token of the call. A new task has no limits.
    pub limits: &'t Limits,
}

/// The files of a model that a [`FetchTask`] asks for. A name is the one under which the fetcher
/// staged the file before.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum TaskFiles<'t> {
    /// All files of the model.
    All,
    /// Only these. The reference names a file, or the whole of its source.
    Only(&'t BTreeSet<String>),
    /// Only these files of a folder. The reference names the folder, and the names are relative to it.
    OnlyInFolder(&'t BTreeSet<String>),
}

impl<'t> FetchTask<'t> {
    /// Creates a task for all files of a model, with an open gate and no limits.
    pub fn new(model_ref: &'t ModelRef) -> Self {
        Self {
            model_ref,
            files: TaskFiles::All,
            revision: None,
            gate: &OpenGate,
            limits: &NO_LIMITS,
        }
    }
}

impl TaskFiles<'_> {
    /// Returns true if the task asks for the file of this name.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) | Self::OnlyInFolder(names) => names.contains(name),
        }
    }
}

/// The host that a fetcher asks for a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceHost {
    /// None: the files are on this host, or on a file system that is mounted here.
    ThisHost,
    /// The host of this name or address, in lower case and without a port.
    Other(String),
    /// Another host, which is not known before the fetch. A policy with rules about hosts refuses it.
    Unknown,
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
    /// Creates the result of a fetch whose source states nothing about the bytes.
    pub fn new(expectation: Expectation) -> Self {
        Self {
            expectation,
            revision: None,
            basis: Basis::Nothing,
        }
    }
}
