//! The suites that every implementation of [`CatalogStore`](crate::CatalogStore),
//! [`EngineStore`](crate::EngineStore) and [`ModelFetcher`](crate::ModelFetcher) runs; not a stable
//! interface. Needs feature `conformance`.
//!
//! | suite | for |
//! | --- | --- |
//! | `catalog_store_conformance` | the contract of every catalog of models |
//! | `rooted_catalog_conformance` | the rules of paths and deletion, for a catalog with a root on disk |
//! | `engine_store_conformance` | the contract of every catalog of engines |
//! | `rooted_engine_store_conformance` | the same rules, for a catalog of engines with a root on disk |
//! | `model_fetcher_conformance` | the contract of every fetcher |
//!
//! One line makes a test of each case, named after the case. A case that fails prints the call, the
//! expected and the actual result.
//!
//! ```
//! mod my_catalog {
//!     use catalog_core::FsCatalog as MyCatalog;
//!
//!     catalog_core::catalog_store_conformance!(|folder| MyCatalog::new(folder).expect("it opens"));
//!     catalog_core::rooted_catalog_conformance!(|root| MyCatalog::new(root).expect("it opens"));
//! }
//! ```

mod calls;
pub mod catalog_store;
pub mod engine_store;
pub mod model_fetcher;
pub mod rooted_catalog;
pub mod rooted_engine_store;
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
