//! Handles whose calls end at a deadline.

use std::time::Duration;

use catalog_core::{FsCatalog, FsEngineStore, Limits};

/// The same catalog, for calls that end within this time from now.
pub fn catalog_within(catalog: &FsCatalog, time: Duration) -> FsCatalog {
    catalog.with_limits(Limits::timeout(time))
}

/// The same engines, for calls that end within this time from now.
pub fn engines_within(engines: &FsEngineStore, time: Duration) -> FsEngineStore {
    engines.with_limits(Limits::timeout(time))
}
