use catalog_core::managed::RegisteredModel;

use crate::engine::context::{CallContext, Part};
use crate::engine::plan::Miss;
use crate::error::Result;

/// Asks the source for its revision. Returns whether the registered model has another one, as far as
/// the source can tell.
pub(super) fn revalidate(ctx: &CallContext<'_>, known: &RegisteredModel) -> Result<Miss> {
    let now = revision_now(ctx)?;
    Ok(match now.is_some() && now != known.revision {
        true => Miss::SourceMoved,
        false => Miss::SourceUnchanged,
    })
}

/// Returns the revision that the source has now, if it has revisions.
pub(super) fn revision_now(ctx: &CallContext<'_>) -> Result<Option<String>> {
    ctx.check_outbound()?;
    let now = ctx.during(Part::Fetching, || {
        let fetcher = ctx.fetcher;
        fetcher.resolve_revision(&ctx.task(), &mut |now| ctx.fetching(now))
    });
    Ok(now?)
}
