use catalog_core::managed::{RegisteredModel, SourceFailure};
use catalog_core::{Basis, CatalogSnapshot};

use super::context::CallContext;
use crate::error::{ProvisionError, Result};

/// The facts that decide what a call does, from one look at the host.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// The registered model, if there is one under the id.
    pub(super) known: Option<RegisteredModel>,
    /// Whether the reference is to a local path.
    pub(super) is_local: bool,
    /// Whether the fetcher stages models of such references.
    pub(super) is_stageable: bool,
    /// Whether the catalog has an artifact store.
    pub(super) has_store: bool,
    /// The key of an artifact that an interrupted call published and did not register.
    pub(super) published: Option<String>,
    /// Whether the call that this one waited for asked the source for the same request.
    pub(super) is_source_asked: bool,
    /// Whether the source has another revision than the registered model.
    pub(super) has_moved: bool,
}

impl Facts {
    /// Returns the recorded source of the pinned digest.
    pub(super) fn recorded_basis(&self) -> Option<Basis> {
        self.known.as_ref()?.basis
    }
}

/// The knowledge of a call that has the model lock.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// The catalog from before the wait, if the call waited.
    pub(super) since: Option<CatalogSnapshot>,
    /// The key of an artifact that an interrupted call published and did not register.
    pub(super) published: Option<String>,
    /// Whether the call that this one waited for asked the source for the same request.
    pub(super) is_source_asked: bool,
    /// The failure of the call that this one waited for, if it made the same request.
    pub(super) failure: Option<SourceFailure>,
}

/// Looks at the host.
pub(super) fn look(ctx: &CallContext<'_>, turn: &Turn) -> Result<Facts> {
    // A look waits for nothing, so that the limits of the call do not matter.
    let store = ctx.catalog.managed();
    let known = match store {
        Some(store) => store.registered(&ctx.id, turn.since.as_ref())?,
        None => match ctx.catalog.get(&ctx.id)? {
            Some(entry) => Some(RegisteredModel::of_entry(entry)?),
            None => None,
        },
    };
    let pinned = known.as_ref().and_then(|known| known.entry.digest.as_ref());
    if let Some(expected) = ctx.given.as_ref().or(pinned) {
        let usable = expected.algorithm();
        usable.map_err(|source| ProvisionError::PinnedDigestUnusable {
            id: ctx.id.to_string(),
            source,
        })?;
    }
    Ok(Facts {
        known,
        is_local: ctx.is_local(),
        is_stageable: ctx.fetcher.supports(ctx.model_ref),
        has_store: store.is_some(),
        published: turn.published.clone(),
        is_source_asked: turn.is_source_asked,
        has_moved: false,
    })
}
