//! Handles whose calls end at a deadline.

use std::time::Duration;

use catalog_core::{FsCatalog, FsEngineStore, Result, StoreOptions};

/// The same catalog, for calls that end after this time.
///
/// # Errors
///
/// What opening fails with.
pub fn catalog_within(catalog: &FsCatalog, time: Duration) -> Result<FsCatalog> {
    // Until there is `catalog.with_limits(Limits::within(time))`: all but the hashing keeps this.
    let options = StoreOptions {
        lock_wait: time,
        ..StoreOptions::default()
    };
    FsCatalog::open(catalog.root(), options)
}

/// The same engines, for calls that end after this time.
///
/// # Errors
///
/// What opening fails with.
pub fn engines_within(engines: &FsEngineStore, time: Duration) -> Result<FsEngineStore> {
    let options = StoreOptions {
        lock_wait: time,
        ..StoreOptions::default()
    };
    FsEngineStore::open(engines.root(), options)
}
