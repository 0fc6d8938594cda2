//! One JSON file that holds all entries of a kind, read as a snapshot and replaced as a whole.
//! Generic over the record; `.specs/index-format.md` is the format.

mod edit;
mod format;
mod json_index;
mod object;
mod read;
mod record;
mod recover;
mod snapshot;
mod source;
mod writers;

pub(crate) use edit::Edit;
pub(crate) use json_index::{JsonIndex, Writing};
pub use recover::{EntryFate, IndexRecovery};

pub(crate) use record::{Record, Unknown};
pub(crate) use snapshot::Snapshot;
