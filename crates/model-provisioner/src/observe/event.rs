use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use catalog_core::{Digest, Progress, VerificationOutcomeKind};

use crate::steps::{Provided, Step};

/// An event of a call.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// The id of the model.
    pub id: Arc<str>,
    /// The kind of the event.
    pub kind: EventKind,
}

impl Event {
    /// Creates an event of the call for a model.
    pub fn new(id: Arc<str>, kind: EventKind) -> Self {
        Self { id, kind }
    }
}

/// The kind of an event. The variants are in the order in which the events happen. Each call ends
/// with [`Finished`](Self::Finished) or [`Failed`](Self::Failed).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// The call begins a step.
    Planned {
        /// The step.
        step: Step,
    },
    /// The call waits for another caller that provisions the model. The event repeats several times
    /// a second.
    Waiting {
        /// The process of the other caller: its id, the time in seconds since 1970 when it took the
        /// lock, and its program.
        holder: String,
        /// The progress of the other caller.
        progress: Progress,
    },
    /// The call fetches or copies bytes. The event repeats several times a second.
    Fetching(Progress),
    /// The call fetches one of several files, or the only one. Fetchers that do not know their
    /// files do not report it.
    #[non_exhaustive]
    FetchingFile {
        /// The name of the file in the model.
        name: Arc<str>,
        /// The progress of the file.
        progress: Progress,
    },
    /// The call hashes bytes. The event repeats about once a mebibyte.
    Verifying(Progress),
    /// The bytes are verified and published in the store.
    Published {
        /// The path for engines.
        path: PathBuf,
    },
    /// The call changed the catalog.
    Registered,
    /// The call succeeded.
    #[non_exhaustive]
    Finished {
        /// The way in which the model was provided.
        provided: Provided,
        /// The outcome of the verification.
        outcome: VerificationOutcomeKind,
        /// The digest of the bytes, if they were hashed or are proved.
        digest: Option<Digest>,
        /// The number of bytes that were fetched or copied.
        staged_bytes: u64,
        /// The time that the call took.
        duration: Duration,
    },
    /// The call failed.
    #[non_exhaustive]
    Failed {
        /// The stable code of the error.
        code: &'static str,
        /// The time that the call took.
        duration: Duration,
    },
}
