use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use catalog_core::{Digest, Progress, VerificationOutcomeKind};

use crate::steps::{Provided, Step};

/// An event of a call.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// The model.
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

/// The kinds of events, in the order in which they happen. Each call ends with
/// [`Finished`](Self::Finished) or [`Failed`](Self::Failed).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// The call begins a step.
    Planned {
        /// The step.
        step: Step,
    },
    /// The call waits for another caller that makes the model present; several times a second.
    Waiting {
        /// The process of the other caller: its id, the time in seconds since 1970, its program.
        holder: String,
        /// The progress of the other caller.
        progress: Progress,
    },
    /// Bytes are fetched or copied; several times a second.
    Fetching(Progress),
    /// Bytes are being hashed; about once a mebibyte.
    Verifying(Progress),
    /// The bytes are proved and in their place in the store.
    Published {
        /// The path for engines.
        path: PathBuf,
    },
    /// The catalog was changed.
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
        /// The duration of the call.
        duration: Duration,
    },
    /// The call failed.
    #[non_exhaustive]
    Failed {
        /// The stable code of its error.
        code: &'static str,
        /// The duration of the call.
        duration: Duration,
    },
}
