use std::sync::Arc;

use super::present::stage_present;
use super::task::{FetchTask, Fetched, SourceHost};
use crate::artifacts::Staging;
use crate::entry::ResolvedModel;
use crate::error::{CatalogError, Result};
use crate::progress::Progress;
use crate::reference::ModelRef;

/// Fetches the model of a reference to this host.
///
/// # Contract
///
/// - On success the artifact is complete at the returned absolute path, a regular file or a
///   folder. A failed or interrupted fetch leaves nothing there that looks complete.
/// - `id` is that of the reference ([`ModelRef::id`]).
/// - If the model is present and complete, the call returns at once, with no effect.
/// - A fetcher registers nothing and trusts nothing: its caller verifies and registers.
/// - A reference that it does not handle is [`CatalogError::NoFetcher`], before any effect.
///
/// # The two ways to fetch
///
/// [`ensure_present`](Self::ensure_present) is all that the contract requires. The files stay where
/// the fetcher keeps them, and a catalog verifies and registers them there.
///
/// A fetcher that [`supports`](Self::supports) a reference is asked to [`stage`](Self::stage) the
/// model. Its caller then verifies, publishes and registers the staged files, so no unverified file
/// is ever in a place where it could be served. To take part, a fetcher states its
/// [`schemes`](Self::schemes): those of this crate, or one of its own, such as `share` for
/// `share://team/model.gguf`. The provided `stage` copies the files of `ensure_present`; a fetcher
/// of remote files writes them itself.
///
/// The example `share_fetcher` of `model-provisioner` is a fetcher of 40 lines. Implementations run
/// the suite in `conformance` (a feature of this crate).
pub trait ModelFetcher: Send + Sync {
    /// Fetches the model if it is missing, and returns its place.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NoFetcher`] for a reference that it does not handle,
    /// [`CatalogError::Fetch`] if the source or its tool fails.
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel>;

    /// Returns the schemes that it serves, in lower case. Has no effect.
    fn schemes(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Returns true if it can [`stage`](Self::stage) the model of such a reference. Has no effect.
    /// Unless overridden, that is any reference of the stated [`schemes`](Self::schemes).
    fn supports(&self, mr: &ModelRef) -> bool {
        self.schemes().contains(&&*mr.scheme())
    }

    /// Fails if it does not handle such references. Has no effect.
    ///
    /// A fetcher that states no schemes may handle any. Override it to give a repair of your own.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NoFetcher`], with the repair.
    fn check_support(&self, mr: &ModelRef) -> Result<()> {
        let schemes = self.schemes();
        if schemes.is_empty() || self.supports(mr) {
            return Ok(());
        }
        let repair = format!("the only fetcher here serves {}", schemes.join(", "));
        Err(CatalogError::no_fetcher(mr, repair))
    }

    /// Returns the host that it asks for such a reference, for policies that decide before it asks.
    /// Has no effect.
    ///
    /// Override it if the reference does not state the host, or if the fetcher does not leave this
    /// host, such as one that reads a mounted share: such a fetcher works offline.
    fn source_host(&self, mr: &ModelRef) -> SourceHost {
        match mr {
            ModelRef::File { .. } => SourceHost::ThisHost,
            ModelRef::Hf { .. } | ModelRef::Url { .. } => {
                mr.host().map_or(SourceHost::Unknown, SourceHost::Other)
            }
        }
    }

    /// Returns a text for the credentials with which it asks for such a reference, such as a hash:
    /// equal for equal credentials, without a secret. Callers with other credentials can get another
    /// answer of the source, so only callers with equal ones share a failure. Has no effect.
    fn credentials_id(&self, mr: &ModelRef) -> Option<String> {
        let _ = mr;
        None
    }

    /// Writes the files of a task into a staging area, and no others. It calls `progress` at least
    /// four times a second. If `progress` fails, it stops within a second, and no process of it goes
    /// on. Before each connection of its own it asks the [gate](FetchTask::gate) of the task.
    ///
    /// The provided method copies the files of [`ensure_present`](Self::ensure_present). It does not
    /// serve a task with a [revision](FetchTask::revision) of its own.
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
        let present = self.ensure_present(task.model_ref)?;
        stage_present(&present.local_path, task, staging, progress)
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
}

macro_rules! forward_model_fetcher {
    ($($pointer:ty),+) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<T: ModelFetcher + ?Sized> ModelFetcher for $pointer {
            fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
                (**self).ensure_present(mr)
            }
            fn schemes(&self) -> Vec<&str> {
                (**self).schemes()
            }
            fn supports(&self, mr: &ModelRef) -> bool {
                (**self).supports(mr)
            }
            fn check_support(&self, mr: &ModelRef) -> Result<()> {
                (**self).check_support(mr)
            }
            fn source_host(&self, mr: &ModelRef) -> SourceHost {
                (**self).source_host(mr)
            }
            fn credentials_id(&self, mr: &ModelRef) -> Option<String> {
                (**self).credentials_id(mr)
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
        }
    )+};
}

forward_model_fetcher!(&T, Box<T>, Arc<T>);
