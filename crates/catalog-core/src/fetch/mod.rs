//! How bytes come to be on this host. This crate only uses what is there already; what fetches
//! from elsewhere is composed in by whoever wants it.

mod fetcher;
mod file;
mod task;

pub use fetcher::ModelFetcher;
pub use file::FileFetcher;
pub use task::{FetchTask, Fetched};
