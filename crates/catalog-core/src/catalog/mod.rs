//! The two catalogs: what they promise, and the stores that keep the promise.

mod edits;
mod engine_record;
mod engine_store;
mod expected;
mod flights;
mod fs_catalog;
mod fs_engine_store;
mod host;
mod leases;
mod memory_catalog;
mod memory_engine_store;
mod model_record;
mod options;
mod pins;
mod placed;
mod reclaim;
mod recovery;
mod retirement;
mod snapshots;
mod store;
mod take_away;

pub(crate) use model_record::ModelRecord;
pub(crate) use retirement::Retirement;

pub use edits::{CatalogEdit, EngineEdit};
pub use engine_store::EngineStore;
pub use expected::Expected;
pub use flights::{Flight, FlightAttempt, FlightFailure, FlightStatus};
pub use fs_catalog::FsCatalog;
pub use fs_engine_store::FsEngineStore;
pub use memory_catalog::MemoryCatalog;
pub use memory_engine_store::MemoryEngineStore;
pub use options::{OutsidePaths, StoreOptions};
pub use pins::Pin;
pub use placed::MAX_ID_LEN;
pub use recovery::{Recovery, recover};
pub use snapshots::{CatalogSnapshot, EngineSnapshot};
pub use store::CatalogStore;
