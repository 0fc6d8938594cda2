use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use catalog_core::{
    CatalogError, CatalogStore, Digest, FileFetcher, FsCatalog, ModelFetcher, ModelRef,
    ResolvedModel,
};

use super::acquire::acquire;
use super::admit::{register, verify};
use super::plan::{Source, plan};
use super::report::ProvisionReport;
use super::request::ProvisionRequest;
use crate::error::{ProvisionError, Result};
use crate::observe::{Observer, Silent};

/// How often a call begins anew because somebody changed the entry meanwhile, before it gives up
/// with the conflict.
const MAX_ATTEMPTS: usize = 8;

/// Makes referenced models present, verified and registered.
///
/// What happens, in this order: the bytes are made present by the fetcher, unless the catalog
/// already knows them and they are on disk; they are compared with the expected digest; the catalog
/// is changed. So a failure anywhere leaves the catalog as it was, and an entry never names bytes
/// that were not verified, if anything was expected of them.
///
/// - **Once pinned, always checked.** A digest given once stays the expectation of later calls that
///   give none. Giving another one replaces it, once the bytes match.
/// - **Without any digest** the model is registered with a `tracing` warning.
/// - A Retired model turns Active again.
/// - A call that finds everything as the catalog says writes nothing; `last_verified_ms` is exact
///   to an hour.
pub struct ModelProvisioner<C: CatalogStore, F: ModelFetcher> {
    catalog: C,
    fetcher: F,
    observer: Arc<dyn Observer>,
}

impl ModelProvisioner<FsCatalog, FileFetcher> {
    /// Local files only, with the catalog below `cache_dir`: never any network, never a process.
    ///
    /// # Errors
    ///
    /// As [`FsCatalog::new`].
    pub fn file_only(cache_dir: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self::new(FsCatalog::new(cache_dir.into())?, FileFetcher))
    }
}

impl<C: CatalogStore, F: ModelFetcher> ModelProvisioner<C, F> {
    /// Joins a catalog and a fetcher.
    pub fn new(catalog: C, fetcher: F) -> Self {
        Self {
            catalog,
            fetcher,
            observer: Arc::new(Silent),
        }
    }

    /// Has an observer told what happens during calls.
    #[must_use]
    pub fn with_observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// The catalog.
    pub fn catalog(&self) -> &C {
        &self.catalog
    }

    /// [`ensure_present`](Self::ensure_present) for a reference in its text form.
    ///
    /// # Errors
    ///
    /// As there; [`CatalogError::InvalidRef`] if the text is no reference.
    pub fn ensure_present_str(
        &self,
        model_ref: &str,
        expected_digest: Option<Digest>,
    ) -> Result<ResolvedModel> {
        self.ensure_present(&ModelRef::parse(model_ref)?, expected_digest)
    }

    /// Makes the model present, verified and registered as Active, and says where it is.
    ///
    /// # Errors
    ///
    /// [`ProvisionError::InvalidExpectedDigest`] before any work,
    /// [`ProvisionError::DigestMismatch`], and what the catalog and the fetcher fail with.
    pub fn ensure_present(
        &self,
        mr: &ModelRef,
        expected_digest: Option<Digest>,
    ) -> Result<ResolvedModel> {
        let request = ProvisionRequest::new(mr.clone()).expecting(expected_digest);
        self.provision(&request).map(|report| report.resolved)
    }

    /// [`ensure_present`](Self::ensure_present) that also tells how.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn provision(&self, request: &ProvisionRequest) -> Result<ProvisionReport> {
        let given = match &request.expected_digest {
            None => None,
            Some(digest) => Some(
                digest
                    .canonical()
                    .map_err(|source| ProvisionError::InvalidExpectedDigest { source })?,
            ),
        };
        let id = request.model_ref.id()?;
        let mut attempt = 1;
        loop {
            match self.attempt(&request.model_ref, &id, given.as_ref()) {
                Err(ProvisionError::Catalog(CatalogError::Conflict { .. }))
                    if attempt < MAX_ATTEMPTS =>
                {
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    fn attempt(
        &self,
        model_ref: &ModelRef,
        id: &str,
        given: Option<&Digest>,
    ) -> Result<ProvisionReport> {
        let known = self.catalog.get(id)?;
        let is_on_disk = known.is_some() && self.catalog.exists(id)?;
        let plan = plan(given, known.as_ref(), is_on_disk);
        if let Some(pinned) = &plan.expected {
            pinned
                .algorithm()
                .map_err(|source| ProvisionError::PinnedDigestUnusable {
                    id: id.to_owned(),
                    source,
                })?;
        }
        let observer = &*self.observer;
        let is_local = matches!(model_ref, ModelRef::File { .. });
        let is_replaceable = match plan.source {
            Source::Registered { is_replaceable, .. } => is_replaceable && !is_local,
            Source::Fetcher => false,
        };
        let bring = |source| {
            let acquired = acquire(source, model_ref, id, &self.fetcher, observer)?;
            verify(acquired, id, plan.expected.clone(), observer)
        };
        let verified = match bring(plan.source.clone()) {
            Err(ProvisionError::DigestMismatch { .. }) if is_replaceable => bring(Source::Fetcher)?,
            other => other?,
        };
        let is_catalog_changed = register(&self.catalog, id, known.as_ref(), &verified, observer)?;
        Ok(ProvisionReport {
            resolved: ResolvedModel {
                id: id.to_owned(),
                local_path: verified.path,
            },
            satisfied: verified.satisfied,
            digest: verified.digest,
            outcome: verified.outcome,
            is_catalog_changed,
        })
    }
}

impl<C: CatalogStore + fmt::Debug, F: ModelFetcher + fmt::Debug> fmt::Debug
    for ModelProvisioner<C, F>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelProvisioner")
            .field("catalog", &self.catalog)
            .field("fetcher", &self.fetcher)
            .finish_non_exhaustive()
    }
}
