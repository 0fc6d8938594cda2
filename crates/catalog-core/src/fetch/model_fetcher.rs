use std::sync::Arc;

use crate::entry::ResolvedModel;
use crate::error::Result;
use crate::model::ModelRef;

/// Makes what a reference names present on this host.
///
/// # Contract
///
/// - On success the artifact is complete at the returned absolute path, a regular file or a
///   folder. A failed or interrupted fetch leaves nothing there that looks complete.
/// - `id` is that of the reference ([`ModelRef::id`]).
/// - Present and complete already: returns at once, with no effect.
/// - It registers nothing and trusts nothing: verifying and registering is its caller's part.
/// - A reference it does not handle is
///   [`CatalogError::NoFetcher`](crate::CatalogError::NoFetcher), before any effect.
pub trait ModelFetcher: Send + Sync {
    /// Makes it present and says where.
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel>;
}

macro_rules! forward_model_fetcher {
    ($($pointer:ty),+) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<T: ModelFetcher + ?Sized> ModelFetcher for $pointer {
            fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
                (**self).ensure_present(mr)
            }
        }
    )+};
}

forward_model_fetcher!(&T, Box<T>, Arc<T>);
