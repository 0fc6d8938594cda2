//! The two catalogs: what they promise, and the stores that keep the promise.

mod engine_record;
mod engine_store;
mod expected;
mod fs_catalog;
mod fs_engine_store;
mod host;
mod memory_catalog;
mod memory_engine_store;
mod model_record;
mod placed;
mod reclaim;
mod store;

pub use engine_store::EngineStore;
pub use expected::Expected;
pub use fs_catalog::FsCatalog;
pub use fs_engine_store::FsEngineStore;
pub use memory_catalog::MemoryCatalog;
pub use memory_engine_store::MemoryEngineStore;
pub use placed::{MAX_ID_LEN, OutsidePaths};
pub use store::CatalogStore;
