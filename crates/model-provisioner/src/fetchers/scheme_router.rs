use std::fmt;
use std::sync::Arc;

use catalog_core::fetching::{KnownSource, SourceState};
use catalog_core::{
    CatalogError, FetchTask, Fetched, ModelFetcher, ModelRef, Progress, ResolvedModel, Result,
    SourceHost, Staging,
};

/// A fetcher that passes each reference to the first of its fetchers that
/// [supports](ModelFetcher::supports) the reference.
///
/// The router tries the fetchers in the order in which they were added. Several fetchers can serve
/// one scheme. If no fetcher supports a reference, the call fails.
///
/// ```
/// use catalog_core::{FileFetcher, ModelFetcher, ModelRef};
/// use model_provisioner::SchemeRouter;
///
/// let router = SchemeRouter::new().with(FileFetcher);
/// let error = router.ensure_present(&ModelRef::parse("s3://bucket/model.gguf")?).unwrap_err();
/// assert_eq!(error.code(), "no_fetcher");
/// # Ok::<(), catalog_core::CatalogError>(())
/// ```
#[derive(Clone, Default)]
pub struct SchemeRouter(Vec<Arc<dyn ModelFetcher>>);

impl SchemeRouter {
    /// Creates a router without fetchers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fetcher after the present fetchers. A fetcher without
    /// [schemes](ModelFetcher::schemes) is never used, unless it overrides
    /// [`supports`](ModelFetcher::supports).
    #[must_use]
    pub fn with(mut self, fetcher: impl ModelFetcher + 'static) -> Self {
        self.0.push(Arc::new(fetcher));
        self
    }

    fn find(&self, mr: &ModelRef) -> Option<&dyn ModelFetcher> {
        let found = self.0.iter().find(|fetcher| fetcher.supports(mr));
        found.map(|fetcher| &**fetcher)
    }

    fn of(&self, mr: &ModelRef) -> Result<&dyn ModelFetcher> {
        self.find(mr)
            .ok_or_else(|| CatalogError::no_fetcher(mr, self.repair_of(&mr.scheme())))
    }

    /// Returns the repair for a reference that no fetcher supports: the served schemes, and the way
    /// to serve another scheme.
    fn repair_of(&self, scheme: &str) -> String {
        let schemes = self.schemes();
        if schemes.contains(&scheme) {
            return "no fetcher of this scheme supports this reference; add one that does"
                .to_owned();
        }
        let served = match schemes.is_empty() {
            true => "no scheme is served".to_owned(),
            false => format!("the served schemes are {}", schemes.join(", ")),
        };
        let way = match scheme {
            "hf" => {
                "enable the feature `hf` of model-provisioner, and create the provisioner with \
                 `ModelProvisioner::with_network` or add an `HfFetcher` to the router; the feature \
                 `hf-cli` has an `HfCliFetcher`, which runs the `hf` command"
            }
            "file" => "add a `FileFetcher` to the router",
            "http" | "https" => {
                "enable the feature `http` of model-provisioner, and create the provisioner with \
                 `ModelProvisioner::with_network` or add an `HttpFetcher` to the router"
            }
            _ => {
                "no feature of this release serves it: add a `ModelFetcher` of your own to the router"
            }
        };
        format!("{served}; {way}")
    }
}

impl ModelFetcher for SchemeRouter {
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
        self.of(mr)?.ensure_present(mr)
    }

    fn schemes(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self
            .0
            .iter()
            .flat_map(|fetcher| fetcher.schemes())
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn supports(&self, mr: &ModelRef) -> bool {
        self.find(mr).is_some()
    }

    fn check_support(&self, mr: &ModelRef) -> Result<()> {
        self.of(mr)?.check_support(mr)
    }

    fn source_host(&self, mr: &ModelRef) -> SourceHost {
        let fetcher = self.find(mr);
        fetcher.map_or(SourceHost::Unknown, |fetcher| fetcher.source_host(mr))
    }

    fn credentials_id(&self, mr: &ModelRef) -> Option<String> {
        self.find(mr)?.credentials_id(mr)
    }

    fn stage(
        &self,
        task: &FetchTask<'_>,
        staging: &mut Staging,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Fetched> {
        self.of(task.model_ref)?.stage(task, staging, progress)
    }

    fn source_state(
        &self,
        task: &FetchTask<'_>,
        known: &KnownSource<'_>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<SourceState> {
        self.of(task.model_ref)?.source_state(task, known, progress)
    }
}

impl fmt::Debug for SchemeRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SchemeRouter")
            .field(&self.schemes())
            .finish()
    }
}
