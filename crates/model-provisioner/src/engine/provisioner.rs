use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use catalog_core::{
    CatalogStore, Digest, FileFetcher, FsCatalog, ModelFetcher, ModelRef, ResolvedModel,
};

use super::context::CallContext;
use super::nested::Nesting;
use super::turn::provide;
use crate::error::{ProvisionError, Result};
#[cfg(feature = "hf-cli")]
use crate::fetchers::{HfCliFetcher, SchemeRouter};
use crate::observe::{EventKind, Observer};
use crate::policy::{Policy, StagingMode};
use crate::report::ProvisionReport;
use crate::request::ProvisionRequest;

/// Makes referenced models present, verified and registered.
///
/// A call makes the bytes present, unless the catalog knows them and they are on disk. Then it
/// verifies the bytes, publishes them if they go into the store, and changes the catalog last. So a
/// failure leaves the catalog as it was, and an entry never names bytes that are not the expected
/// ones.
///
/// - **Nothing to do** is the common case and takes microseconds: a model that is Active, proved and
///   unchanged needs no write and no process.
/// - **Once, however many ask.** One of all threads and processes that ask for one model of an
///   [`FsCatalog`] does the work. The others wait, see its progress, and use the result.
/// - **Once pinned, always checked.** A digest given once stays the expectation of later calls that
///   give none. Giving another one replaces it, once the bytes match.
/// - **Without any digest** of a caller or a source, the model is registered with a `tracing`
///   warning, or refused, as the [`Policy`] says.
/// - A Retired model turns Active again. A managed one that lost files is repaired.
pub struct ModelProvisioner<C: CatalogStore, F: ModelFetcher> {
    catalog: C,
    fetcher: F,
    policy: Policy,
    observer: Arc<dyn Observer>,
}

impl ModelProvisioner<FsCatalog, FileFetcher> {
    /// Creates a provisioner of local files with the catalog below `cache_dir`: it never uses a
    /// network and never starts a process.
    ///
    /// # Errors
    ///
    /// The errors of [`FsCatalog::new`].
    pub fn file_only(cache_dir: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self::new(FsCatalog::new(cache_dir.into())?, FileFetcher))
    }
}

#[cfg(feature = "hf-cli")]
impl ModelProvisioner<FsCatalog, SchemeRouter> {
    /// Creates a provisioner of local files, and of models of the hub by its `hf` command, with the
    /// catalog below `cache_dir`. The first call that needs the command looks for it. Needs feature
    /// `hf-cli`.
    ///
    /// ```
    /// use model_provisioner::ModelProvisioner;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let cache_dir = folder.path();
    /// let provisioner = ModelProvisioner::with_hf_cli(cache_dir)?;
    /// # drop(provisioner);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of [`FsCatalog::new`].
    pub fn with_hf_cli(cache_dir: impl Into<PathBuf>) -> Result<Self> {
        let catalog = FsCatalog::new(cache_dir.into())?;
        let hub = HfCliFetcher::new(catalog.artifacts());
        let fetcher = SchemeRouter::new().with(FileFetcher).with(hub);
        Ok(Self::new(catalog, fetcher))
    }
}

impl<C: CatalogStore, F: ModelFetcher> ModelProvisioner<C, F> {
    /// Creates a provisioner from a catalog and a fetcher.
    pub fn new(catalog: C, fetcher: F) -> Self {
        Self {
            catalog,
            fetcher,
            policy: Policy::default(),
            observer: Arc::new(()),
        }
    }

    /// Sets the observer of the events of each call.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Sets the policy.
    ///
    /// # Errors
    ///
    /// [`ProvisionError::PolicyUnusable`] if this composition cannot honour the policy:
    /// [`StagingMode::Managed`] needs a catalog on disk.
    pub fn with_policy(mut self, policy: Policy) -> Result<Self> {
        if policy.staging == StagingMode::Managed && self.catalog.managed().is_none() {
            return Err(ProvisionError::PolicyUnusable {
                rule: "staging",
                problem: "the catalog has no artifact store; use an FsCatalog, or leave local models \
                          in place",
            });
        }
        self.policy = policy;
        Ok(self)
    }

    /// Returns the catalog.
    pub fn catalog(&self) -> &C {
        &self.catalog
    }

    /// Makes the model of a reference in its text form present, as
    /// [`ensure_present`](Self::ensure_present) does.
    ///
    /// # Errors
    ///
    /// The errors of [`ensure_present`](Self::ensure_present);
    /// [`CatalogError::InvalidRef`](catalog_core::CatalogError::InvalidRef) if the text
    /// is no reference.
    pub fn ensure_present_str(
        &self,
        model_ref: &str,
        expected_digest: Option<Digest>,
    ) -> Result<ResolvedModel> {
        self.ensure_present(&ModelRef::parse(model_ref)?, expected_digest)
    }

    /// Makes the model present, verified and registered as Active, and returns its place. It takes no
    /// lease: a caller that starts an engine on the model uses [`provision`](Self::provision).
    ///
    /// # Errors
    ///
    /// [`ProvisionError::InvalidExpectedDigest`] before any work; [`ProvisionError::DigestMismatch`]
    /// and [`ProvisionError::SourceMismatch`] if the bytes are not the expected ones;
    /// [`ProvisionError::PolicyRefused`]; the errors of the catalog and of the fetcher.
    pub fn ensure_present(
        &self,
        mr: &ModelRef,
        expected_digest: Option<Digest>,
    ) -> Result<ResolvedModel> {
        let request = ProvisionRequest::new(mr.clone()).expecting(expected_digest);
        self.run(&request, false).map(|report| report.resolved)
    }

    /// Makes the model of a request present, as [`ensure_present`](Self::ensure_present) does, within
    /// the limits of the request. The report holds a lease on the model.
    ///
    /// # Errors
    ///
    /// The errors of [`ensure_present`](Self::ensure_present); [`ProvisionError::DeadlineExceeded`],
    /// and [`CatalogError::Cancelled`](catalog_core::CatalogError::Cancelled).
    pub fn provision(&self, request: &ProvisionRequest) -> Result<ProvisionReport> {
        self.run(request, true)
    }

    fn run(&self, request: &ProvisionRequest, wants_lease: bool) -> Result<ProvisionReport> {
        let ctx = CallContext::new(
            &self.catalog,
            &self.fetcher,
            &self.policy,
            &*self.observer,
            request,
        )?;
        let span = self.observer.span(&ctx.id);
        let _entered = span.enter();
        let done = Nesting::begin(&ctx).and_then(|_nesting| provide(&ctx, wants_lease));
        let done = done.map_err(|error| ctx.explain(error));
        ctx.tell(match &done {
            Ok(report) => EventKind::Finished {
                provided: report.provided,
                outcome: report.outcome.kind,
                digest: report.digest.clone(),
                staged_bytes: report.staged_bytes,
                duration: report.durations.total,
            },
            Err(error) => EventKind::Failed {
                code: error.code(),
                duration: ctx.durations().total,
            },
        });
        done
    }
}

impl<C: CatalogStore + fmt::Debug, F: ModelFetcher + fmt::Debug> fmt::Debug
    for ModelProvisioner<C, F>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelProvisioner")
            .field("catalog", &self.catalog)
            .field("fetcher", &self.fetcher)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
