use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use catalog_core::{
    CatalogError, FetchTask, Fetched, ModelFetcher, ModelRef, Progress, ResolvedModel, Result,
    Staging,
};

/// Gives each reference to the fetcher of its scheme.
///
/// ```
/// use catalog_core::{FileFetcher, ModelFetcher, ModelRef};
/// use model_provisioner::SchemeRouter;
///
/// let router = SchemeRouter::new().route("file", FileFetcher);
/// let error = router.ensure_present(&ModelRef::parse("s3://bucket/model.gguf")?).unwrap_err();
/// assert_eq!(error.code(), "no_fetcher");
/// # Ok::<(), catalog_core::CatalogError>(())
/// ```
#[derive(Clone, Default)]
pub struct SchemeRouter(BTreeMap<String, Arc<dyn ModelFetcher>>);

impl SchemeRouter {
    /// Creates a router that serves no scheme.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fetcher for a scheme, in the place of the one that may serve it. The schemes are those
    /// of [`ModelRef::scheme`].
    #[must_use]
    pub fn route(mut self, scheme: &str, fetcher: impl ModelFetcher + 'static) -> Self {
        self.0
            .insert(scheme.to_ascii_lowercase(), Arc::new(fetcher));
        self
    }

    fn of(&self, mr: &ModelRef) -> Result<&dyn ModelFetcher> {
        let scheme = mr.scheme();
        self.0
            .get(scheme)
            .map(|fetcher| &**fetcher)
            .ok_or_else(|| CatalogError::NoFetcher {
                scheme,
                reference: mr.to_string(),
                repair: self.repair_of(scheme).into(),
            })
    }
}

impl SchemeRouter {
    /// Returns the schemes that are served, and the way to serve another one.
    fn repair_of(&self, scheme: &str) -> String {
        let served: Vec<&str> = self.0.keys().map(String::as_str).collect();
        let served = match served.is_empty() {
            true => "no scheme is served".to_owned(),
            false => format!("the served schemes are {}", served.join(", ")),
        };
        let way = match scheme {
            "hf" => {
                "enable the feature `hf-cli` of model-provisioner, and create the provisioner with \
                 `ModelProvisioner::with_hf_cli` or route `hf` to an `HfCliFetcher`"
            }
            "file" => "route `file` to a `FileFetcher`",
            _ => "no feature of this release serves it: route it to a `ModelFetcher` of your own",
        };
        format!("{served}; {way}")
    }
}

impl ModelFetcher for SchemeRouter {
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
        self.of(mr)?.ensure_present(mr)
    }

    fn can_stage(&self, mr: &ModelRef) -> bool {
        self.of(mr).is_ok_and(|fetcher| fetcher.can_stage(mr))
    }

    fn stage(
        &self,
        task: &FetchTask<'_>,
        staging: &mut Staging,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Fetched> {
        self.of(task.model_ref)?.stage(task, staging, progress)
    }

    fn resolve_revision(
        &self,
        task: &FetchTask<'_>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Option<String>> {
        self.of(task.model_ref)?.resolve_revision(task, progress)
    }

    fn check_support(&self, mr: &ModelRef) -> Result<()> {
        self.of(mr)?.check_support(mr)
    }

    fn credentials_id(&self, mr: &ModelRef) -> Option<String> {
        self.of(mr).ok()?.credentials_id(mr)
    }

    fn outbound_host(&self, mr: &ModelRef) -> Option<String> {
        self.of(mr).ok()?.outbound_host(mr)
    }
}

impl fmt::Debug for SchemeRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SchemeRouter")
            .field(&self.0.keys().collect::<Vec<_>>())
            .finish()
    }
}
