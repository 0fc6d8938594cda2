use catalog_core::{CatalogStore, ModelFetcher, ModelId, ModelRef};

use super::watch::Watch;
use crate::error::{ProvisionError, Result};
use crate::policy::Policy;

/// A call, with all that its steps need.
#[derive(Clone, Copy)]
pub(super) struct Call<'c, C, F> {
    pub(super) catalog: &'c C,
    pub(super) fetcher: &'c F,
    pub(super) policy: &'c Policy,
    pub(super) model_ref: &'c ModelRef,
    /// Whether the expected digest came with the call.
    pub(super) is_digest_given: bool,
    pub(super) watch: &'c Watch<'c>,
}

impl<C: CatalogStore, F: ModelFetcher> Call<'_, C, F> {
    pub(super) fn id(&self) -> &ModelId {
        &self.watch.id
    }

    /// Fails if the policy forbids asking another host for the model.
    pub(super) fn check_outbound(&self) -> Result<()> {
        let host = self.fetcher.outbound_host(self.model_ref);
        match self
            .policy
            .outbound_refusal(self.model_ref, host.as_deref())
        {
            Some(refusal) => Err(ProvisionError::refused(self.id(), refusal)),
            None => Ok(()),
        }
    }
}
