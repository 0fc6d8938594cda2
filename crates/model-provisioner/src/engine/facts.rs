use std::collections::BTreeSet;

use catalog_core::managed::{RegisteredModel, SourceFailure};
use catalog_core::{Basis, CatalogSnapshot, Digest, FilePatterns};

use super::context::CallContext;
use crate::error::{ProvisionError, Result};

/// The facts that decide the steps of a call, read at one moment.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    /// The model that is registered under the id, if there is one.
    pub(super) known: Option<RegisteredModel>,
    /// Whether the reference is a local path.
    pub(super) is_local: bool,
    /// Whether the fetcher stages models of such references.
    pub(super) is_stageable: bool,
    /// Whether the catalog has an artifact store.
    pub(super) has_store: bool,
    /// The key of an artifact that an interrupted call published but did not register.
    pub(super) published: Option<String>,
    /// Whether the call for which this call waited asked the source with the same request.
    pub(super) is_source_asked: bool,
    /// Whether the source has another revision than the registered model.
    pub(super) has_moved: bool,
    /// Whether the request asks for files that the registered model may lack.
    pub(super) lacks_files: bool,
    /// Whether the digest of the request is that of some files of the registered model, which the
    /// patterns of the request choose.
    pub(super) is_given_of_some: bool,
}

impl Facts {
    /// Returns the registered digest, unless it is only the hash of bytes that nobody vouched for.
    /// Such a hash does not bind a source that changes its bytes.
    pub(super) fn vouched_digest(&self) -> Option<&Digest> {
        let known = self.known.as_ref()?;
        known.entry.digest.as_ref().filter(|_| is_vouched(known))
    }

    /// Returns the source of the pinned digest, if it is recorded.
    pub(super) fn recorded_basis(&self) -> Option<Basis> {
        self.known.as_ref()?.basis
    }
}

/// Returns true if a caller or a source stated the digest of a registered model. If that is not
/// recorded, a caller may have stated it.
pub(super) fn is_vouched(known: &RegisteredModel) -> bool {
    known.basis.is_none_or(|basis| basis >= Basis::SourceHash)
}

/// Returns true if the digest of the request is that of the files that its patterns choose, and the
/// registered model has more files.
fn is_given_of_some(ctx: &CallContext<'_>, known: Option<&RegisteredModel>) -> Result<bool> {
    let (Some(given), Some(known), Some(store)) = (&ctx.given, known, ctx.store()) else {
        return Ok(false);
    };
    if ctx.patterns.is_empty() || !known.is_managed || known.entry.digest.as_ref() == Some(given) {
        return Ok(false);
    }
    // A manifest that cannot be read is no reason to fail here: the plan repairs the model.
    let manifest = store.manifest(&known.entry.local_path).unwrap_or_default();
    Ok(manifest.is_some_and(|manifest| manifest.tree_digest_of(ctx.patterns) == *given))
}

/// Returns true if files that were chosen by some patterns are all files that a request asks for. No
/// patterns stand for all files.
pub(super) fn satisfies(chosen: &BTreeSet<FilePatterns>, asked: &FilePatterns) -> bool {
    chosen.is_empty() || chosen.contains(asked)
}

/// The facts that a call gets together with the model lock.
#[derive(Debug, Default)]
pub(super) struct LockFacts {
    /// The content of the catalog before the wait, if the call waited.
    pub(super) since: Option<CatalogSnapshot>,
    /// The key of an artifact that an interrupted call published but did not register.
    pub(super) published: Option<String>,
    /// Whether the call for which this call waited asked the source with the same request.
    pub(super) is_source_asked: bool,
    /// The failure of the call for which this call waited, if both made the same request.
    pub(super) failure: Option<SourceFailure>,
}

/// Reads the facts about the model of a call on this host.
pub(super) fn look(ctx: &CallContext<'_>, gained: &LockFacts) -> Result<Facts> {
    // These reads wait for no lock, so they need no limits.
    let store = ctx.catalog.managed();
    let known = match store {
        Some(store) => store.registered(&ctx.id, gained.since.as_ref())?,
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
    let lacks_files = known
        .as_ref()
        .is_some_and(|known| !satisfies(&known.patterns, ctx.patterns));
    Ok(Facts {
        is_given_of_some: !lacks_files && is_given_of_some(ctx, known.as_ref())?,
        is_local: ctx.is_local(),
        is_stageable: ctx.fetcher.supports(ctx.model_ref),
        has_store: store.is_some(),
        published: gained.published.clone(),
        is_source_asked: gained.is_source_asked,
        has_moved: false,
        lacks_files,
        known,
    })
}
