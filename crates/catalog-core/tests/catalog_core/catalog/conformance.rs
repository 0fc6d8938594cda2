//! The published suites, run by the stores of this crate.

use catalog_core::{FsCatalog, FsEngineStore, MemoryCatalog, MemoryEngineStore};

mod fs_catalog {
    catalog_core::catalog_store_conformance!(|root| super::FsCatalog::new(root).unwrap());
    catalog_core::rooted_catalog_conformance!(|root| super::FsCatalog::new(root).unwrap());
}

mod memory_catalog {
    catalog_core::catalog_store_conformance!(|root| super::MemoryCatalog::new(root).unwrap());
    catalog_core::rooted_catalog_conformance!(|root| super::MemoryCatalog::new(root).unwrap());
}

mod fs_engine_store {
    catalog_core::engine_store_conformance!(|root| super::FsEngineStore::new(root).unwrap());
    catalog_core::rooted_engine_store_conformance!(|root| super::FsEngineStore::new(root).unwrap());
}

mod memory_engine_store {
    catalog_core::engine_store_conformance!(|root| super::MemoryEngineStore::new(root).unwrap());
    catalog_core::rooted_engine_store_conformance!(
        |root| super::MemoryEngineStore::new(root).unwrap()
    );
}
