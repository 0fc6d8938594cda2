use std::sync::Arc;

use catalog_core::managed::ManagedCatalog;
use catalog_core::{
    Artifact, CatalogEntry, CatalogError, Expected, Lease, LifecycleState, ResolvedModel,
    VerificationOutcomeKind,
};

use super::context::CallContext;
use super::phase::Phase;
use super::verified::{Place, VerifiedModel};
use crate::error::Result;
use crate::report::ProvisionReport;

/// Registers a verified model, and returns the report. `known` is the entry from which the plan was
/// made.
///
/// # Errors
///
/// [`CatalogError::Conflict`] if another caller changed the entry.
pub(super) fn finish(
    ctx: &CallContext<'_>,
    known: Option<&CatalogEntry>,
    model: VerifiedModel,
    wants_lease: bool,
) -> Result<ProvisionReport> {
    if !matches!(model.place, Place::Registered(_)) {
        ctx.during(Phase::Registering, || register(ctx, known, &model))?;
    }
    let local_path = model.place.path().to_path_buf();
    let lease = match (model.place, ctx.store()) {
        _ if !wants_lease => None,
        (_, None) => None,
        (Place::Store(artifact), Some(_)) => Some(Arc::new(artifact.into_lease())),
        (_, Some(store)) => Some(Arc::new(lease(ctx, store, &local_path)?)),
    };
    Ok(ProvisionReport {
        resolved: ResolvedModel {
            id: ctx.id.to_string(),
            local_path,
        },
        lease,
        provided: model.provided,
        digest: model.digest,
        outcome: model.outcome,
        assurance: model.assurance,
        staged_bytes: model.staged_bytes,
        bytes: ctx.bytes(),
        size: model.size,
        revision: model.revision,
        is_catalog_changed: ctx.is_catalog_changed(),
        durations: ctx.durations(),
    })
}

/// Takes a lease on the registered model.
///
/// # Errors
///
/// [`CatalogError::Conflict`] if another caller removed or replaced the model.
fn lease(
    ctx: &CallContext<'_>,
    store: &dyn ManagedCatalog,
    path: &std::path::Path,
) -> Result<Lease> {
    match store.lease(&ctx.id) {
        Ok(lease) if lease.path() == path => Ok(lease),
        Err(error) if !error.is_absence() => Err(error.into()),
        _ => Err(ctx.changed()),
    }
}

/// Writes the model into the catalog.
fn register(
    ctx: &CallContext<'_>,
    known: Option<&CatalogEntry>,
    model: &VerifiedModel,
) -> Result<()> {
    let now = ctx.catalog.get(&ctx.id)?;
    // The verification may have recorded its time in the entry already.
    let is_recorded = match (known, &now) {
        (Some(known), Some(now)) => is_same_but_for_time(known, now),
        _ => false,
    };
    let known = if is_recorded { now.as_ref() } else { known };
    let expected = known.map_or(Expected::Absent, Expected::Exactly);
    if let (Place::Store(artifact), Some(store)) = (&model.place, ctx.store())
        && model.pinned.is_some()
    {
        register_artifact(ctx, store, artifact, known, expected)?;
        ctx.note_registration();
        // This call hashed an artifact that an earlier call published, and records the
        // verification.
        if let (Some(found), Some(entry)) = (&model.verification, ctx.catalog.get(&ctx.id)?) {
            store.put_verified(&entry, found, Expected::Exactly(&entry))?;
        }
        return Ok(());
    }
    let entry = entry_of(ctx, known, model);
    let verification = ctx.store().zip(model.verification.as_ref());
    let is_equal = known.is_some_and(|known| match verification {
        // The verification has recorded its time already.
        Some(_) => is_same_but_for_time(known, &entry),
        None => *known == entry,
    });
    if is_equal {
        // The entry was read before the bytes were hashed, and that may be long ago.
        expected.check(&ctx.id, now.as_ref())?;
        return Ok(());
    }
    match verification {
        Some((store, verification)) => store.put_verified(&entry, verification, expected)?,
        None => ctx.put_if(&entry, expected)?,
    }
    ctx.note_registration();
    Ok(())
}

/// Registers a published artifact. If another caller changed the entry, the entry is still
/// replaced, because another fetch would return the same bytes. If that caller pinned another
/// digest, the call returns the conflict.
fn register_artifact(
    ctx: &CallContext<'_>,
    store: &dyn ManagedCatalog,
    artifact: &Artifact,
    known: Option<&CatalogEntry>,
    expected: Expected<'_, CatalogEntry>,
) -> Result<()> {
    let error = match store.register(artifact, expected) {
        Err(error @ CatalogError::Conflict { .. }) => error,
        registered => return Ok(registered.map(drop)?),
    };
    let now = ctx.catalog.get(&ctx.id)?;
    let digest_before = known.and_then(|known| known.digest.as_ref());
    let digest_now = now.as_ref().and_then(|now| now.digest.as_ref());
    if digest_now.is_some() && digest_now != digest_before && digest_now != Some(artifact.digest())
    {
        return Err(error.into());
    }
    let expected = now.as_ref().map_or(Expected::Absent, Expected::Exactly);
    Ok(store.register(artifact, expected).map(drop)?)
}

/// Returns the entry of a model that is not registered as an artifact.
fn entry_of(
    ctx: &CallContext<'_>,
    known: Option<&CatalogEntry>,
    model: &VerifiedModel,
) -> CatalogEntry {
    let local_path = model.place.path().to_path_buf();
    let is_hashed = model.assurance.method == Some(catalog_core::Method::Hashed)
        && matches!(model.place, Place::Path(_));
    let last_verified_ms = match model.outcome.kind {
        VerificationOutcomeKind::Pass if is_hashed => model.assurance.at_ms,
        // The time that the earlier entry states, if the path and the digest are the same.
        _ => known
            .filter(|known| known.local_path == local_path && known.digest == model.pinned)
            .and_then(|known| known.last_verified_ms),
    };
    CatalogEntry {
        id: ctx.id.to_string(),
        local_path,
        lifecycle: LifecycleState::Active,
        digest: model.pinned.clone(),
        last_verified_ms,
    }
}

fn is_same_but_for_time(known: &CatalogEntry, now: &CatalogEntry) -> bool {
    let known_but_for_time = CatalogEntry {
        last_verified_ms: now.last_verified_ms,
        ..known.clone()
    };
    known_but_for_time == *now
}
