use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use catalog_core::{Progress, VerificationOutcomeKind};

use crate::steps::{Provided, Step};

/// One thing that happened during a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The model.
    pub id: Arc<str>,
    /// What happened to it.
    pub kind: EventKind,
}

/// What happens, in the order in which it does; each call ends with
/// [`Finished`](Self::Finished) or [`Failed`](Self::Failed).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// It is decided what to do; again, if somebody changed the entry meanwhile.
    Planned {
        /// What.
        step: Step,
    },
    /// Somebody else makes it present; several times a second.
    Waiting {
        /// The process: its id, since when in seconds since 1970, its program.
        holder: String,
        /// How far it is.
        progress: Progress,
    },
    /// Bytes are coming in; several times a second.
    Fetching(Progress),
    /// Bytes are being hashed; about once a mebibyte.
    Verifying(Progress),
    /// The bytes are proved and in their place.
    Published {
        /// The path that engines are given.
        path: PathBuf,
    },
    /// The catalog was changed.
    Registered,
    /// The call succeeded.
    Finished {
        /// How.
        provided: Provided,
        /// How the verification ended.
        outcome: VerificationOutcomeKind,
        /// How many bytes were brought.
        bytes: u64,
        /// How long it took.
        duration: Duration,
    },
    /// The call failed.
    Failed {
        /// The stable code of its error.
        code: &'static str,
        /// How long it took.
        duration: Duration,
    },
}
