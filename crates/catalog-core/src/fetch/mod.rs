//! The trait of fetchers, and the fetcher of local files. Callers add the fetchers of other
//! sources.

mod fetcher;
mod file;
mod gate;
mod task;

pub use fetcher::ModelFetcher;
pub use file::FileFetcher;
pub use gate::OutboundGate;
pub use task::{FetchTask, Fetched};
