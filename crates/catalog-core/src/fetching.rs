//! The types that a fetcher of a network needs: files that outlive their process, the state of a
//! source, the progress of single files, and the files of repositories of the hub.

pub use crate::artifacts::{HashedPrefix, PartWriter, ResumableFile};
pub use crate::fetch::{
    FetchedBytes, HubFile, HubFiles, KnownSource, OnFile, SourceState, fetch_into,
};
