//! The suites that every implementation of [`CatalogStore`](crate::CatalogStore),
//! [`EngineStore`](crate::EngineStore) and [`ModelFetcher`](crate::ModelFetcher) runs; not a stable
//! interface.
//!
//! One line makes a test of each case, named after it:
//!
//! ```
//! mod fs_catalog {
//!     use catalog_core::FsCatalog;
//!
//!     catalog_core::catalog_store_conformance!(|root| FsCatalog::new(root).expect("it opens"));
//! }
//! ```

pub mod catalog_paths;
pub mod catalog_store;
pub mod engine_store;
mod model_calls;
pub mod model_fetcher;
mod sandbox;

/// Makes a `#[test]` of each case of a suite.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($suite:ident, $make:expr, [$($case:ident),+ $(,)?]) => {$(
        #[test]
        fn $case() {
            $crate::conformance::$suite::$case($make);
        }
    )+};
}
