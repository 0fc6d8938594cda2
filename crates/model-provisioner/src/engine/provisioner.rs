use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use catalog_core::{
    CatalogStore, Digest, FileFetcher, FsCatalog, ModelFetcher, ModelRef, ResolvedModel,
};

use super::attempts::provide;
use super::context::CallContext;
use super::nested::Nesting;
use crate::error::{ProvisionError, Result};
#[cfg(feature = "hf-cli")]
use crate::fetchers::HfCliFetcher;
#[cfg(any(feature = "hf-cli", feature = "http", feature = "hf"))]
use crate::fetchers::SchemeRouter;
use crate::observe::{EventKind, Observer};
use crate::policy::{Policy, StagingMode};
use crate::report::ProvisionReport;
use crate::request::ProvisionRequest;

/// A provisioner: it fetches, verifies and registers the models of references.
///
/// If the model is not registered or not on disk, a call fetches its bytes. Then it verifies the
/// bytes, publishes them if they belong in the store, and changes the catalog last. So a failure
/// leaves the catalog as it was, and a call never registers bytes that differ from the expected
/// digest, unless the [`Policy`] allows it.
///
/// - **The common case is fast.** If the model is Active, proved and unchanged, a call takes
///   microseconds, and needs no write and no process.
/// - **Single flight.** If several threads or processes request one model of an [`FsCatalog`], one
///   of them does the work. The others wait, see its progress, and use the result.
/// - **Pinned digests.** If a call states a digest, later calls without a digest expect the same
///   digest. A call that states another digest replaces it, after the bytes were found to match.
/// - **Unverified models.** If neither a caller nor the source states a digest, the [`Policy`]
///   decides: the model is registered with a `tracing` warning, or refused.
/// - **Retired and damaged models.** A call sets a Retired model to Active. It repairs a managed
///   model with a pinned digest if files are corrupt or missing.
pub struct ModelProvisioner<C: CatalogStore, F: ModelFetcher> {
    catalog: C,
    fetcher: F,
    policy: Policy,
    observer: Arc<dyn Observer>,
}

impl ModelProvisioner<FsCatalog, FileFetcher> {
    /// Creates a provisioner of local files with the catalog below `cache_dir`. It never uses the
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
    /// Creates a provisioner with the catalog below `cache_dir`. It serves local files, and models
    /// of the Hugging Face hub, which it fetches with the `hf` command. The first call that needs
    /// the command searches for it. Needs feature `hf-cli`.
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

#[cfg(any(feature = "http", feature = "hf"))]
impl ModelProvisioner<FsCatalog, SchemeRouter> {
    /// Creates a provisioner with the catalog below `cache_dir`. It serves local files, models of web
    /// servers (feature `http`), and models of the hub (feature `hf`). All settings of the network
    /// come from `network`: no variable of the environment counts, except that `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` name the roots of the system. Needs feature `http` or `hf`.
    ///
    /// ```
    /// use model_provisioner::ModelProvisioner;
    /// use model_provisioner::network::NetworkConfig;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let cache_dir = folder.path();
    /// let provisioner = ModelProvisioner::with_network(cache_dir, NetworkConfig::default())?;
    /// # drop(provisioner);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The errors of [`FsCatalog::new`], and [`CatalogError::Fetch`](catalog_core::CatalogError::Fetch)
    /// if a file of the network settings cannot be used.
    pub fn with_network(
        cache_dir: impl Into<PathBuf>,
        network: model_fetchers::NetworkConfig,
    ) -> Result<Self> {
        let catalog = FsCatalog::new(cache_dir.into())?;
        let fetcher = SchemeRouter::new().with(FileFetcher);
        #[cfg(feature = "http")]
        let fetcher = {
            let web = model_fetchers::HttpFetcher::new(catalog.artifacts(), network.clone())?;
            fetcher.with(web)
        };
        #[cfg(feature = "hf")]
        let fetcher = fetcher.with(model_fetchers::HfFetcher::new(
            catalog.artifacts(),
            network,
        )?);
        Ok(Self::new(catalog, fetcher))
    }

    /// Creates a provisioner as [`with_network`](Self::with_network) does, with the settings that the
    /// variables of the environment state: the proxies, and the address and the token of the hub. See
    /// [`NetworkConfig::from_environment`](model_fetchers::NetworkConfig::from_environment). Needs
    /// feature `http` or `hf`.
    ///
    /// # Errors
    ///
    /// The errors of [`with_network`](Self::with_network), and
    /// [`CatalogError::Fetch`](catalog_core::CatalogError::Fetch) if a variable has an unusable
    /// value.
    pub fn from_environment(cache_dir: impl Into<PathBuf>) -> Result<Self> {
        let network = model_fetchers::NetworkConfig::from_environment()?;
        Self::with_network(cache_dir, network)
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
    /// [`ProvisionError::PolicyUnusable`] if the catalog cannot honour the policy:
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

    /// Provisions the model of a reference that is given as a text, as
    /// [`ensure_present`](Self::ensure_present) does.
    ///
    /// # Errors
    ///
    /// [`CatalogError::InvalidRef`](catalog_core::CatalogError::InvalidRef) if the text is not a
    /// reference, and the errors of [`ensure_present`](Self::ensure_present).
    pub fn ensure_present_str(
        &self,
        model_ref: &str,
        expected_digest: Option<Digest>,
    ) -> Result<ResolvedModel> {
        self.ensure_present(&ModelRef::parse(model_ref)?, expected_digest)
    }

    /// Provisions the model: fetches it if needed, verifies it, and registers it as Active. Returns
    /// its id and its path. The call takes no lease: to start an engine on the model, call
    /// [`provision`](Self::provision) instead.
    ///
    /// # Errors
    ///
    /// [`ProvisionError::InvalidExpectedDigest`] if the expected digest is malformed or unknown,
    /// [`ProvisionError::DigestMismatch`] or [`ProvisionError::SourceMismatch`] if the bytes do not
    /// have the expected digest, [`ProvisionError::Unsound`] if the files of the model are damaged
    /// and cannot be repaired, [`ProvisionError::PolicyRefused`] if the policy forbids the model,
    /// [`ProvisionError::FailedElsewhere`] if another caller made the same request and failed, and
    /// the errors of the catalog and of the fetcher.
    pub fn ensure_present(
        &self,
        mr: &ModelRef,
        expected_digest: Option<Digest>,
    ) -> Result<ResolvedModel> {
        let request = ProvisionRequest::new(mr.clone()).expecting(expected_digest);
        self.run(&request, false).map(|report| report.resolved)
    }

    /// Provisions the model of a request, as [`ensure_present`](Self::ensure_present) does, within
    /// the limits of the request. The report holds a lease on the model.
    ///
    /// # Errors
    ///
    /// [`ProvisionError::DeadlineExceeded`] if the deadline of the request passed,
    /// [`CatalogError::Cancelled`](catalog_core::CatalogError::Cancelled) if its token was
    /// cancelled, and the errors of [`ensure_present`](Self::ensure_present).
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
        ctx.notify(match &done {
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
