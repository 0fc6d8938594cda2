//! One JSON file that holds all entries of a kind, read as a snapshot and replaced as a whole.
//! Generic over the record; `.specs/index-format.md` is the format.

mod edit;
mod format;
mod group_commit;
mod json_index;
mod object;
mod read;
mod record;
mod recover;
mod snapshot;
mod source;

pub(crate) use edit::Edit;
pub(crate) use json_index::{JsonIndex, Writing};
pub use recover::{IndexRecovery, RecoveryAction};

pub(crate) use record::{ExtraFields, Record};
pub(crate) use snapshot::Snapshot;
