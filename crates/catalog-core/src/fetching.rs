//! The types that a fetcher of a network needs: files that outlive their process, the state of a
//! source, and the progress of single files.

pub use crate::artifacts::{HashedPrefix, PartWriter, ResumableFile};
pub use crate::fetch::{FetchedBytes, KnownSource, OnFile, SourceState, fetch_into};
