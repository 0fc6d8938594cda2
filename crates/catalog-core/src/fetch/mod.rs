//! The trait of fetchers, and the fetcher of local files. Callers can add fetchers of other
//! sources.

mod address;
mod errors;
mod fetcher;
mod file;
mod gate;
mod hub_files;
mod into;
mod origin;
mod present;
mod quantisation;
mod task;

pub use address::AddressSet;
pub use fetcher::ModelFetcher;
pub use file::FileFetcher;
pub use gate::OutboundGate;
pub use hub_files::{HubFile, HubFiles};
pub use into::fetch_into;
pub use origin::HostOrigin;
pub use task::{
    FetchTask, Fetched, FetchedBytes, KnownSource, OnFile, SourceHost, SourceState, TaskFiles,
};
