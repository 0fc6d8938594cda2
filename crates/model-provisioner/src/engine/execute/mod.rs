//! The execution of the steps of a plan.

mod local;
mod origin;
mod published;
mod repair;
mod revision;
mod stage;
mod watch;

use local::{use_in_place, use_registered, verify};
use published::take_published;
use repair::repair;
use revision::revalidate;
use stage::{fetch, import};

use catalog_core::{CatalogError, FetchProblem};

use super::context::CallContext;
use super::facts::Facts;
use super::plan::{Miss, Wishes, expected};
use super::verified::Executed;
use crate::error::{ProvisionError, Result};
use crate::steps::{Provided, Step};

/// Executes a step.
pub(super) fn execute(
    ctx: &CallContext<'_>,
    facts: &Facts,
    wishes: &Wishes<'_>,
    step: Step,
) -> Result<Executed> {
    match step {
        Step::Use | Step::Activate | Step::Verify | Step::RegisterPublished => {}
        Step::Revalidate | Step::UseInPlace | Step::Import | Step::Fetch | Step::Repair => {
            ctx.note_source_call();
        }
    }
    let expected = expected(facts, wishes);
    let known = facts.known.as_ref();
    let verified = match (step, known, ctx.store()) {
        (Step::Use | Step::Activate, Some(known), _) => use_registered(ctx, known, expected)?,
        (Step::Verify, Some(known), _) => {
            let path = known.entry.local_path.clone();
            verify(ctx, path, Some(known), expected, Provided::AlreadyPresent)?
        }
        (Step::Revalidate, Some(known), _) => return Ok(Executed::Missed(revalidate(ctx, known)?)),
        (Step::UseInPlace, _, _) => use_in_place(ctx, known, expected)?,
        (Step::RegisterPublished, _, Some(store)) => {
            return take_published(ctx, store, facts, expected);
        }
        (Step::Import, _, Some(store)) => import(ctx, store, facts, expected)?,
        (Step::Fetch, _, Some(store)) => fetch(ctx, store, facts, expected)?,
        (Step::Repair, Some(known), Some(store)) => repair(ctx, store, known)?,
        // The plan contains each other step only if there is an entry or a store for it.
        _ => return Err(ctx.changed()),
    };
    Ok(Executed::Verified(Box::new(verified)))
}

/// Returns the miss for an error of a step, if another step may provide the model.
pub(super) fn miss_of(error: &ProvisionError, step: Step) -> Option<Miss> {
    use ProvisionError::{Catalog, DigestMismatch, Unsound};
    let miss = match error {
        DigestMismatch { .. } | Unsound { .. } => Miss::BytesDiffer,
        Catalog(CatalogError::Fetch {
            problem: FetchProblem::FileNotFound | FetchProblem::RevisionNotFound,
            ..
        }) if step == Step::Repair => Miss::SourceLacksFiles,
        Catalog(
            CatalogError::ArtifactMissing { .. }
            | CatalogError::ArtifactIncomplete { .. }
            | CatalogError::ForeignShards { .. }
            | CatalogError::DigestMismatch { .. }
            | CatalogError::StoreDamaged { .. },
        ) => Miss::BytesDiffer,
        _ => return None,
    };
    Some(miss)
}
