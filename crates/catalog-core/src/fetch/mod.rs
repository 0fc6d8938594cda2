//! The trait of fetchers, and the fetcher of local files. Callers can add fetchers of other
//! sources.

mod errors;
mod fetcher;
mod file;
mod gate;
mod present;
mod task;

pub use fetcher::ModelFetcher;
pub use file::FileFetcher;
pub use gate::{HostOrigin, OutboundGate};
pub use task::{FetchTask, Fetched, SourceHost, TaskFiles};
