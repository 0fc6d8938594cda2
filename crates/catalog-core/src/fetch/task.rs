use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use super::gate::{DefaultGate, OutboundGate};
use crate::artifacts::{Expectation, Manifest, Validators};
use crate::digest::{Basis, Digest};
use crate::progress::{Limits, Progress};
use crate::reference::{FilePatterns, ModelRef};

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
    /// The patterns that choose files by their names in the model: a file is wanted if one of the
    /// patterns has it, or if there are none. The last ones are those of
    /// the request, and the others those of earlier requests. A fetcher of single files refuses patterns.
    pub patterns: &'t [FilePatterns],
    /// The manifest of the artifact that the model has now, if the task extends that artifact. If
    /// the source still has the revision of the manifest, the fetcher takes the files of the
    /// manifest from the store.
    pub present: Option<&'t Manifest>,
    /// The revision to fetch, instead of the one that the reference states.
    pub revision: Option<&'t str>,
    /// The digest that the model must have, if it is known: the digest of its only file, or the
    /// tree digest of its files. The caller compares the digest. A fetcher can use the digest to
    /// find bytes that are on this host already.
    pub digest: Option<&'t Digest>,
    /// The gate that decides to which hosts the fetcher may connect. The gate of a new task allows
    /// every host. It refuses the addresses of local links and metadata services, and those of this
    /// host and of private networks if a public host redirects there.
    pub gate: &'t dyn OutboundGate,
    /// The deadline and the cancel token of the call. A new task has no limits.
    pub limits: &'t Limits,
    /// The maximum size of the model in bytes, if there is one. A fetcher stops before it writes
    /// more.
    pub max_bytes: Option<u64>,
    /// The receiver of the progress of each file.
    pub on_file: OnFile<'t>,
}

/// A receiver of the progress of single files: their names, and their bytes.
#[derive(Clone, Copy, Default)]
pub struct OnFile<'t>(Option<&'t Receiver<'t>>);

type Receiver<'t> = dyn Fn(&str, Progress) + 't;

impl<'t> OnFile<'t> {
    /// Creates a receiver from a function.
    pub fn new(receive: &'t dyn Fn(&str, Progress)) -> Self {
        Self(Some(receive))
    }

    /// Reports the progress of a file.
    pub fn report(&self, name: &str, progress: Progress) {
        if let Some(receive) = self.0 {
            receive(name, progress);
        }
    }
}

impl fmt::Debug for OnFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnFile").field(&self.0.is_some()).finish()
    }
}

/// The state of a model at its source when it was fetched.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct KnownSource<'t> {
    /// The revision to which the source resolved the reference, such as a commit.
    pub revision: Option<&'t str>,
    /// The validators that the source stated for single files, by name.
    pub validators: &'t BTreeMap<String, Validators>,
}

impl<'t> KnownSource<'t> {
    /// Creates the state of a model when it was fetched.
    pub fn new(revision: Option<&'t str>, validators: &'t BTreeMap<String, Validators>) -> Self {
        Self {
            revision,
            validators,
        }
    }
}

/// The answer of a source to the question whether a model changed since it was fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceState {
    /// The model is the same.
    Unchanged,
    /// The model changed, or the source cannot prove that it did not.
    Changed,
}

impl SourceState {
    /// Returns the state of a source whose present revision is `now`.
    pub fn of_revision(known: &KnownSource<'_>, now: Option<&str>) -> Self {
        match now.is_some() && now != known.revision {
            true => Self::Changed,
            false => Self::Unchanged,
        }
    }
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
    /// limits and expectations.
    pub fn new(model_ref: &'t ModelRef) -> Self {
        Self {
            model_ref,
            files: TaskFiles::All,
            patterns: &[],
            present: None,
            revision: None,
            digest: None,
            gate: &DefaultGate,
            limits: &NO_LIMITS,
            max_bytes: None,
            on_file: OnFile::default(),
        }
    }

    /// Returns true if the patterns of the task choose the file of this name.
    pub fn wants(&self, name: &str) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|patterns| patterns.has(name))
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
    /// The number of bytes of each origin, if the fetcher counts them.
    pub bytes: FetchedBytes,
}

/// The number of bytes of a fetched model by their origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct FetchedBytes {
    /// The bytes that came from the source in this call.
    pub fetched: u64,
    /// The bytes that an interrupted call had fetched.
    pub resumed: u64,
    /// The bytes that the store had already, as part of another model.
    pub reused: u64,
}

impl Fetched {
    /// Creates the result of a fetch whose source states nothing about the bytes.
    pub fn new(expectation: Expectation) -> Self {
        Self {
            expectation,
            revision: None,
            basis: Basis::Nothing,
            bytes: FetchedBytes::default(),
        }
    }
}
