//! The catalogs of models and engines: their traits, and their implementations on disk and in
//! memory.

mod catalog_root;
mod engine_store;
mod fs_catalog;
mod fs_engine_store;
mod fs_maintenance;
mod fs_managed;
mod managed;
mod memory_catalog;
mod memory_engine_store;
mod snapshot;
mod store;

pub use catalog_root::CatalogRoot;
pub use engine_store::EngineStore;
pub use fs_catalog::FsCatalog;
pub use fs_engine_store::FsEngineStore;
pub use managed::ManagedCatalog;
pub use memory_catalog::MemoryCatalog;
pub use memory_engine_store::MemoryEngineStore;
pub use snapshot::{CatalogSnapshot, EngineSnapshot};
pub use store::CatalogStore;
