//! An index: one JSON file that holds all entries of a kind. A reader gets the file as a snapshot,
//! and a writer replaces the whole file. The code is generic over the record.
//! `.specs/index-format.md` specifies the format.

mod composer;
mod difference;
mod edit;
mod entries;
mod format;
mod format_0;
mod group_commit;
mod index_files;
mod json_index;
mod line;
mod memory;
mod patience;
mod record;
mod recover;
mod shared;
mod snapshot;
mod source;
#[cfg(test)]
mod tests;
mod text;
mod text_buffer;
mod unreadable;

pub use recover::{IndexRecovery, RecoveryAction};

pub(crate) use edit::Edit;
pub(crate) use index_files::IndexFiles;
pub(crate) use json_index::{JsonIndex, Writing};
pub(crate) use record::Record;
pub(crate) use recover::recover;
pub(crate) use snapshot::Snapshot;
