use catalog_core::managed::ManagedCatalog;
use catalog_core::{Artifact, CatalogError, Digest, VerificationOutcomeKind};

use super::revision::is_current;
use crate::engine::context::CallContext;
use crate::engine::facts::{Facts, satisfies};
use crate::engine::phase::Phase;
use crate::engine::plan::Miss;
use crate::engine::verified::{Executed, Stated, VerifiedModel, judge, require_external_digest};
use crate::error::Result;
use crate::request::Freshness;

/// Uses the artifact that an interrupted call published, if it agrees with this call. The bytes are
/// hashed again, because they may have become corrupt.
pub(super) fn take_published(
    ctx: &CallContext<'_>,
    store: &dyn ManagedCatalog,
    facts: &Facts,
    expected: Option<&Digest>,
) -> Result<Executed> {
    let key = facts.published.as_deref().unwrap_or_default();
    let artifact = match store.open_artifact(key) {
        Ok(Some(artifact)) if artifact.manifest().id == ctx.id.as_str() => artifact,
        Ok(_) | Err(CatalogError::StoreDamaged { .. }) => {
            return Ok(Executed::Missed(Miss::OtherArtifact));
        }
        Err(error) => return Err(error.into()),
    };
    if !is_asked_for(ctx, facts, &artifact, expected)? {
        return Ok(Executed::Missed(Miss::OtherArtifact));
    }
    let found = ctx.during(Phase::Verifying, || {
        store.verify_candidate(&artifact.entry(), &mut |now| ctx.verifying(now))
    });
    let found = match found {
        Ok(found) if found.outcome.kind == VerificationOutcomeKind::Pass => found,
        Ok(_) => return Ok(Executed::Missed(Miss::OtherArtifact)),
        Err(error) if error.is_absence() => return Ok(Executed::Missed(Miss::OtherArtifact)),
        Err(error) => return Err(error.into()),
    };
    let manifest = artifact.manifest();
    let stated = Stated {
        by_source: manifest.basis,
        in_record: facts.recorded_basis(),
    };
    let judged = judge(ctx, manifest, expected, stated)?;
    let mut assurance = found.assurance;
    assurance.basis = judged.basis;
    Ok(Executed::Verified(Box::new(VerifiedModel {
        assurance,
        verification: Some(Box::new(found)),
        ..VerifiedModel::of_artifact(artifact, judged)
    })))
}

/// Returns true if a published artifact agrees with the digest, the policy and the freshness of the
/// call.
fn is_asked_for(
    ctx: &CallContext<'_>,
    facts: &Facts,
    artifact: &Artifact,
    expected: Option<&Digest>,
) -> Result<bool> {
    let manifest = artifact.manifest();
    if !satisfies(&manifest.patterns, ctx.patterns) {
        return Ok(false);
    }
    let is_expected = expected
        .is_none_or(|expected| [&manifest.digest, &manifest.tree_digest()].contains(&expected));
    let is_allowed = ctx.check_size(Some(manifest.size())).is_ok()
        && (expected.is_some() || require_external_digest(ctx, manifest.basis).is_ok());
    if !is_expected || !is_allowed {
        return Ok(false);
    }
    if ctx.is_local() {
        // The local file may have been replaced, and only a digest shows that.
        return Ok(expected.is_some());
    }
    if ctx.freshness != Freshness::Revalidate || facts.is_source_asked {
        return Ok(true);
    }
    is_current(ctx, manifest)
}
