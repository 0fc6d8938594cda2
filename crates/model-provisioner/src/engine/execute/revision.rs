use catalog_core::managed::RegisteredModel;

use crate::engine::context::{CallContext, Part};
use crate::engine::plan::Miss;
use crate::error::Result;

/// Asks the source for its present revision, and compares it with the revision of the registered
/// model. A source without revisions counts as unchanged.
pub(super) fn revalidate(ctx: &CallContext<'_>, known: &RegisteredModel) -> Result<Miss> {
    let now = revision_now(ctx)?;
    Ok(match now.is_some() && now != known.revision {
        true => Miss::SourceMoved,
        false => Miss::SourceUnchanged,
    })
}

/// Asks the source for its present revision. Returns `None` if the source has no revisions.
pub(super) fn revision_now(ctx: &CallContext<'_>) -> Result<Option<String>> {
    ctx.check_outbound()?;
    let now = ctx.during(Part::Fetching, || {
        let fetcher = ctx.fetcher;
        fetcher.resolve_revision(&ctx.task(), &mut |now| ctx.fetching(now))
    });
    Ok(now?)
}
