use crate::progress::Progress;
use std::sync::Arc;

use super::task::{FetchTask, Fetched};
use crate::artifacts::Staging;
use crate::entry::ResolvedModel;
use crate::error::{CatalogError, Result};
use crate::reference::ModelRef;

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
///
/// One that brings bytes from elsewhere overrides [`can_stage`](Self::can_stage) and
/// [`stage`](Self::stage), too: then its caller verifies, publishes and registers what it brings,
/// and nothing unverified is ever in a place where it could be served.
pub trait ModelFetcher: Send + Sync {
    /// Makes it present and says where.
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel>;

    /// Whether it can [`stage`](Self::stage) what such a reference names. Has no effect.
    fn can_stage(&self, mr: &ModelRef) -> bool {
        let _ = mr;
        false
    }

    /// Brings the files that a reference names into a staging area, and nothing else of its own.
    /// `progress` is told at least four times a second and may stop it by failing: then it stops
    /// within a second, and no process of it goes on.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Fetch`], [`CatalogError::NoFetcher`]; what `progress` fails with.
    fn stage(
        &self,
        task: &FetchTask<'_>,
        staging: &mut Staging,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Fetched> {
        let _ = (staging, progress);
        Err(CatalogError::NoFetcher {
            scheme: task.model_ref.scheme(),
            reference: task.model_ref.to_string(),
            repair: "compose a fetcher that stages what it brings",
        })
    }

    /// The revision that a reference resolves to at its source now; none if it cannot tell.
    ///
    /// # Errors
    ///
    /// As [`stage`](Self::stage).
    fn resolve_revision(
        &self,
        mr: &ModelRef,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Option<String>> {
        let _ = (mr, progress);
        Ok(None)
    }

    /// The host that it would ask for such a reference, in lower case, for policies that decide
    /// before it does. Has no effect.
    fn outbound_host(&self, mr: &ModelRef) -> Option<String> {
        mr.host()
    }
}

macro_rules! forward_model_fetcher {
    ($($pointer:ty),+) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<T: ModelFetcher + ?Sized> ModelFetcher for $pointer {
            fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
                (**self).ensure_present(mr)
            }
            fn can_stage(&self, mr: &ModelRef) -> bool {
                (**self).can_stage(mr)
            }
            fn stage(
                &self,
                task: &FetchTask<'_>,
                staging: &mut Staging,
                progress: &mut dyn FnMut(Progress) -> Result<()>,
            ) -> Result<Fetched> {
                (**self).stage(task, staging, progress)
            }
            fn resolve_revision(
                &self,
                mr: &ModelRef,
                progress: &mut dyn FnMut(Progress) -> Result<()>,
            ) -> Result<Option<String>> {
                (**self).resolve_revision(mr, progress)
            }
            fn outbound_host(&self, mr: &ModelRef) -> Option<String> {
                (**self).outbound_host(mr)
            }
        }
    )+};
}

forward_model_fetcher!(&T, Box<T>, Arc<T>);
