use crate::progress::Progress;
use std::sync::Arc;

use super::task::{FetchTask, Fetched};
use crate::artifacts::Staging;
use crate::entry::ResolvedModel;
use crate::error::{CatalogError, Result};
use crate::reference::ModelRef;

/// Fetches the model of a reference to this host.
///
/// # Contract
///
/// - On success the artifact is complete at the returned absolute path, a regular file or a
///   folder. A failed or interrupted fetch leaves nothing there that looks complete.
/// - `id` is that of the reference ([`ModelRef::id`]).
/// - Present and complete already: returns at once, with no effect.
/// - It registers nothing and trusts nothing: its caller verifies and registers.
/// - A reference it does not handle is
///   [`CatalogError::NoFetcher`](crate::CatalogError::NoFetcher), before any effect.
///
/// A fetcher of another source overrides [`can_stage`](Self::can_stage) and [`stage`](Self::stage),
/// too. Its caller then verifies, publishes and registers the staged files, so no unverified file
/// is ever in a place where it could be served.
pub trait ModelFetcher: Send + Sync {
    /// Fetches the model if it is missing, and returns its place.
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel>;

    /// Returns true if it can [`stage`](Self::stage) the model of such a reference. Has no effect.
    fn can_stage(&self, mr: &ModelRef) -> bool {
        let _ = mr;
        false
    }

    /// Writes the files of a reference into a staging area, and no others. It calls `progress` at
    /// least four times a second. If `progress` fails, it stops within a second, and no process of
    /// it goes on. Before each connection of its own it asks the [gate](FetchTask::gate) of the task.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Fetch`] if the source or its tool fails, [`CatalogError::NoFetcher`] for
    /// other references, and the error that `progress` returns.
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
            repair: "compose a fetcher that stages what it brings".into(),
        })
    }

    /// Returns the revision that the reference of a task resolves to at its source now, if the source
    /// has revisions.
    ///
    /// # Errors
    ///
    /// The errors of [`stage`](Self::stage).
    fn resolve_revision(
        &self,
        task: &FetchTask<'_>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Option<String>> {
        let _ = (task, progress);
        Ok(None)
    }

    /// Returns a text for the credentials with which it asks for such a reference, such as a hash:
    /// equal for equal credentials, without a secret. Callers with other credentials can get another
    /// answer of the source, so only callers with equal ones share a failure. Has no effect.
    fn credentials_id(&self, mr: &ModelRef) -> Option<String> {
        let _ = mr;
        None
    }

    /// Fails if it does not handle such references. Has no effect.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NoFetcher`], with the repair.
    fn check_support(&self, mr: &ModelRef) -> Result<()> {
        let _ = mr;
        Ok(())
    }

    /// Returns the host that it would ask for such a reference, in lower case, for policies that
    /// decide before it asks. Has no effect.
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
                task: &FetchTask<'_>,
                progress: &mut dyn FnMut(Progress) -> Result<()>,
            ) -> Result<Option<String>> {
                (**self).resolve_revision(task, progress)
            }
            fn check_support(&self, mr: &ModelRef) -> Result<()> {
                (**self).check_support(mr)
            }
            fn credentials_id(&self, mr: &ModelRef) -> Option<String> {
                (**self).credentials_id(mr)
            }
            fn outbound_host(&self, mr: &ModelRef) -> Option<String> {
                (**self).outbound_host(mr)
            }
        }
    )+};
}

forward_model_fetcher!(&T, Box<T>, Arc<T>);
