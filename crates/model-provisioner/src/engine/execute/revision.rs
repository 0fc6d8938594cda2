use catalog_core::fetching::{KnownSource, SourceState};
use catalog_core::managed::RegisteredModel;
use catalog_core::{Digest, Manifest};

use crate::engine::context::CallContext;
use crate::engine::facts::is_vouched;
use crate::engine::phase::Phase;
use crate::engine::plan::Miss;
use crate::error::Result;

/// Asks the source whether the registered model changed.
pub(super) fn revalidate(ctx: &CallContext<'_>, known: &RegisteredModel) -> Result<Miss> {
    let manifest = match ctx.store() {
        Some(store) => store.manifest(&known.entry.local_path).unwrap_or_default(),
        None => None,
    };
    let validators = manifest.map(|manifest| manifest.validators);
    let validators = validators.unwrap_or_default();
    let fetched = KnownSource::new(known.revision.as_deref(), &validators);
    let digest = known.entry.digest.as_ref().filter(|_| is_vouched(known));
    Ok(match source_state(ctx, &fetched, digest)? {
        SourceState::Unchanged => Miss::SourceUnchanged,
        _ => Miss::SourceMoved,
    })
}

/// Asks the source whether a published model changed.
pub(super) fn is_current(ctx: &CallContext<'_>, manifest: &Manifest) -> Result<bool> {
    let fetched = KnownSource::new(manifest.revision.as_deref(), &manifest.validators);
    Ok(source_state(ctx, &fetched, Some(&manifest.digest))? == SourceState::Unchanged)
}

fn source_state(
    ctx: &CallContext<'_>,
    known: &KnownSource<'_>,
    digest: Option<&Digest>,
) -> Result<SourceState> {
    ctx.check_outbound()?;
    let mut task = ctx.task();
    task.digest = digest;
    let state = ctx.during(Phase::Fetching, || {
        let fetcher = ctx.fetcher;
        fetcher.source_state(&task, known, &mut |now| ctx.fetching(now))
    });
    Ok(state?)
}
