//! How bytes come to be on this host. This crate only uses what is there already; what fetches
//! from elsewhere is composed in by whoever wants it.

mod file_fetcher;
mod model_fetcher;

pub use file_fetcher::FileFetcher;
pub use model_fetcher::ModelFetcher;
