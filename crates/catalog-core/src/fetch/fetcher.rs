use std::sync::Arc;

use super::present::stage_present;
use super::task::{FetchTask, Fetched, KnownSource, SourceHost, SourceState};
use crate::artifacts::Staging;
use crate::entry::ResolvedModel;
use crate::error::{CatalogError, Result};
use crate::progress::Progress;
use crate::reference::ModelRef;

/// A fetcher of models: it fetches the model of a reference to this host.
///
/// # Contract
///
/// - On success, a complete regular file or folder is at the returned absolute path. After a failed
///   or interrupted fetch, nothing at that path looks complete.
/// - The returned `id` is the id of the reference ([`ModelRef::id`]).
/// - If the model is present and complete, the call returns at once and has no effect.
/// - A fetcher registers nothing. Its caller verifies and registers the model.
/// - For a reference that the fetcher does not serve, the call fails with
///   [`CatalogError::NoFetcher`] before it has any effect.
///
/// # The two ways to fetch
///
/// A fetcher must implement only [`ensure_present`](Self::ensure_present). Then the files stay
/// where the fetcher keeps them, and the caller verifies and registers them there.
///
/// If a fetcher [`supports`](Self::supports) a reference, and the catalog has an artifact store,
/// the caller calls [`stage`](Self::stage) instead. The caller then verifies, publishes and
/// registers the staged files, so no unverified file is ever at a path where it could be served.
/// Such a fetcher returns its [`schemes`](Self::schemes): schemes of this crate, or a scheme of its
/// own, such as `share` for `share://team/model.gguf`. The provided `stage` copies the files that
/// `ensure_present` returns. A fetcher of remote files overrides `stage` and writes the files
/// itself.
///
/// The example `share_fetcher` of `model-provisioner` is a fetcher of 40 lines. An implementation
/// can test itself with the suite in `conformance`, a feature of this crate.
pub trait ModelFetcher: Send + Sync {
    /// Fetches the model if it is missing, and returns its id and its path.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NoFetcher`] if the fetcher does not serve the reference,
    /// [`CatalogError::Fetch`] if the source or its tool fails.
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel>;

    /// Returns the schemes that the fetcher serves, in lower case. Has no effect.
    fn schemes(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Returns true if the fetcher can [`stage`](Self::stage) the model of this reference. Has no
    /// effect. The provided method returns true if [`schemes`](Self::schemes) contains the scheme
    /// of the reference.
    fn supports(&self, mr: &ModelRef) -> bool {
        self.schemes().contains(&&*mr.scheme())
    }

    /// Returns an error if the fetcher does not serve this reference. Has no effect.
    ///
    /// The provided method accepts every reference if [`schemes`](Self::schemes) is empty. Override
    /// the method to return a repair that fits your fetcher.
    ///
    /// # Errors
    ///
    /// [`CatalogError::NoFetcher`], with the repair, if the fetcher does not serve the reference.
    fn check_support(&self, mr: &ModelRef) -> Result<()> {
        let schemes = self.schemes();
        if schemes.is_empty() || self.supports(mr) {
            return Ok(());
        }
        let repair = format!("the only fetcher here serves {}", schemes.join(", "));
        Err(CatalogError::no_fetcher(mr, repair))
    }

    /// Returns the host to which the fetcher connects for this reference, so that a policy can
    /// decide before the connection. Has no effect.
    ///
    /// Override the method if the reference does not state the host. Also override it if the
    /// fetcher connects to no other host, such as a fetcher that reads a mounted share: then it
    /// works offline, too.
    fn source_host(&self, mr: &ModelRef) -> SourceHost {
        match mr {
            ModelRef::File { .. } => SourceHost::ThisHost,
            ModelRef::Hf { .. } | ModelRef::Url { .. } => {
                mr.host().map_or(SourceHost::Unknown, SourceHost::Other)
            }
        }
    }

    /// Returns a text that identifies the credentials of the fetcher for this reference, such as a
    /// hash. Equal credentials have equal texts, and the text holds no secret. With other
    /// credentials, the source can give another answer, so only callers with equal credentials
    /// share a failure. Has no effect.
    fn credentials_id(&self, mr: &ModelRef) -> Option<String> {
        let _ = mr;
        None
    }

    /// Writes the files of a task, and no other files, into a staging area. The fetcher must call
    /// `progress` at least four times a second. If `progress` returns an error, the fetcher must
    /// stop within a second and must leave no process running. Before each connection that the
    /// fetcher opens itself, it must ask the [gate](FetchTask::gate) of the task.
    ///
    /// The provided method copies the files of [`ensure_present`](Self::ensure_present). It fails
    /// for a task that states a [revision](FetchTask::revision).
    ///
    /// # Errors
    ///
    /// [`CatalogError::Fetch`] if the source or its tool fails, [`CatalogError::NoFetcher`] if the
    /// fetcher does not serve the reference, and the error that `progress` returns.
    fn stage(
        &self,
        task: &FetchTask<'_>,
        staging: &mut Staging,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Fetched> {
        let present = self.ensure_present(task.model_ref)?;
        stage_present(&present.local_path, task, staging, progress)
    }

    /// Asks the source whether the model of a task changed since it was fetched. `known` is its
    /// state at that time. The provided method returns [`SourceState::Unchanged`], which is right
    /// for a source whose references always name the same bytes.
    ///
    /// # Errors
    ///
    /// The errors of [`stage`](Self::stage).
    fn source_state(
        &self,
        task: &FetchTask<'_>,
        known: &KnownSource<'_>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<SourceState> {
        let _ = (task, known, progress);
        Ok(SourceState::Unchanged)
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
            fn source_state(
                &self,
                task: &FetchTask<'_>,
                known: &KnownSource<'_>,
                progress: &mut dyn FnMut(Progress) -> Result<()>,
            ) -> Result<SourceState> {
                (**self).source_state(task, known, progress)
            }
        }
    )+};
}

forward_model_fetcher!(&T, Box<T>, Arc<T>);
