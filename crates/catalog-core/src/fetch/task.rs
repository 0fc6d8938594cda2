use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::gate::{OpenGate, OutboundGate};
use crate::artifacts::Expectation;
use crate::digest::Basis;
use crate::progress::Limits;
use crate::reference::ModelRef;

/// The limits of a new task.
static NO_LIMITS: LazyLock<Limits> = LazyLock::new(Limits::none);

/// A request to write files of a model into a staging area.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct FetchTask<'t> {
    /// The model.
    pub model_ref: &'t ModelRef,
    /// The files of the model to fetch. A new task asks for all files.
    pub files: TaskFiles<'t>,
    /// The revision to fetch, instead of the one that the reference states.
    pub revision: Option<&'t str>,
    /// The gate that decides to which hosts the fetcher may connect. The gate of a new task allows
    /// every host.
    pub gate: &'t dyn OutboundGate,
    /// The deadline and the cancel token of the call. A new task has no limits.
    pub limits: &'t Limits,
}

/// The files of a model that a [`FetchTask`] asks for. Each name is the name under which the
/// fetcher staged the file before.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum TaskFiles<'t> {
    /// All files of the model.
    All,
    /// Only these files. The reference names a file or a whole repository.
    Only(&'t BTreeSet<String>),
    /// Only these files of a folder. The reference names the folder, and the names are relative to
    /// the folder.
    OnlyInFolder(&'t BTreeSet<String>),
}

impl<'t> FetchTask<'t> {
    /// Creates a task for all files of a model, with a gate that allows every host and without
    /// limits.
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

/// The host to which a fetcher connects for a model.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceHost {
    /// This host: the files are on it, or on a file system that is mounted on it.
    ThisHost,
    /// The host of this name or address, in lower case and without a port.
    Other(String),
    /// A host that is not known before the fetch. A policy with rules about hosts refuses it.
    Unknown,
}

/// The result of a fetch, with the facts that prove the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fetched {
    /// The digests that the source states, and the path of the model that users get.
    pub expectation: Expectation,
    /// The revision to which the source resolved the reference, such as a commit.
    pub revision: Option<String>,
    /// The statement of the source about the files. The file with the weakest statement decides.
    /// [`Nothing`](Basis::Nothing) means that the source states nothing. [`Sizes`](Basis::Sizes)
    /// means that the fetcher compared the sizes. [`SourceHash`](Basis::SourceHash) means that the
    /// source states hashes: the fetcher compared them or put them into the expectation.
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
