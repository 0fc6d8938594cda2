//! How bytes come to be on this host. This crate only uses what is there already; what fetches
//! from elsewhere is composed in by whoever wants it.

mod file_fetcher;
mod model_fetcher;
mod task;

pub use file_fetcher::FileFetcher;
pub use model_fetcher::ModelFetcher;
pub use task::{FetchProgress, FetchTask, Fetched, SourceStates};
