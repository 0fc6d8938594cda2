//! The steps that bring a whole model into the store.

use catalog_core::managed::ManagedCatalog;
use catalog_core::{Basis, Digest, ImportRequest, Progress, VerifiedStaging};

use super::local::locate;
use super::origin::at_source;
use super::watch::stage_watched;
use crate::engine::context::{CallContext, Part};
use crate::engine::facts::Facts;
use crate::engine::verified::{Stated, VerifiedModel, enforced, judge, require_external_digest};
use crate::error::Result;
use crate::observe::EventKind;
use crate::steps::Provided;

/// Imports a local model into the store.
pub(super) fn import(
    ctx: &CallContext<'_>,
    store: &dyn ManagedCatalog,
    facts: &Facts,
    expected: Option<&Digest>,
) -> Result<VerifiedModel> {
    let stated = Stated {
        by_source: Basis::Nothing,
        in_record: facts.recorded_basis(),
    };
    // Before the bytes are copied: nothing else is going to prove them.
    require_external_digest(
        ctx,
        expected.map_or(Basis::Nothing, |_| ctx.basis_of_expected(stated.in_record)),
    )?;
    let source = locate(ctx)?;
    let mut request = ImportRequest::new(&ctx.id, &source);
    request.expected.digest = enforced(ctx, expected);
    request.expected.content = ctx.policy.content;
    let imported = ctx.during(Part::Fetching, || {
        store.stage_import(&request, &mut |now| ctx.fetching(now))
    });
    let staging = imported.map_err(|error| at_source(ctx, error))?;
    publish(ctx, staging, expected, stated, Provided::Imported)
}

/// Has the fetcher fetch the model into the store.
pub(super) fn fetch(
    ctx: &CallContext<'_>,
    store: &dyn ManagedCatalog,
    facts: &Facts,
    expected: Option<&Digest>,
) -> Result<VerifiedModel> {
    ctx.check_outbound()?;
    let mut staging = store.stage(&ctx.id, 0)?;
    let fetched = ctx.during(Part::Fetching, || {
        ctx.fetching(Progress::default())?;
        stage_watched(ctx, ctx.task(), &mut staging)
    })?;
    // A source that states no hashes does not replace the bytes that were pinned.
    let pinned = || facts.known.as_ref()?.entry.digest.as_ref();
    let expected = match fetched.basis >= Basis::SourceHash {
        true => expected,
        false => expected.or_else(pinned),
    };
    let expectation = fetched
        .expectation
        .digest(enforced(ctx, expected))
        .content(ctx.policy.content);
    let verified = ctx.during(Part::Verifying, || {
        staging.verify(&expectation, &mut |now| ctx.verifying(now))
    });
    let mut staging = verified.map_err(|error| at_source(ctx, error))?;
    if let Some(revision) = fetched.revision {
        staging.set_revision(revision);
    }
    let stated = Stated {
        by_source: fetched.basis,
        in_record: facts.recorded_basis(),
    };
    publish(ctx, staging, expected, stated, Provided::Fetched)
}

/// Publishes verified bytes, if the policy allows them.
fn publish(
    ctx: &CallContext<'_>,
    mut staging: VerifiedStaging,
    expected: Option<&Digest>,
    stated: Stated,
    provided: Provided,
) -> Result<VerifiedModel> {
    let size = staging.manifest().size();
    ctx.check_size(Some(size))?;
    let judged = judge(ctx, staging.manifest(), expected, stated)?;
    staging.set_basis(match judged.basis {
        Basis::Nothing => Basis::OwnHash,
        basis => basis,
    });
    ctx.check()?;
    // A call that comes after a crash finds the artifact by this key, unless only a copy of the local
    // file shows what the file is by then. Best effort: without the key that call fetches again.
    let is_found_again = !ctx.is_local() || expected.is_some();
    let key = is_found_again.then(|| staging.key());
    let announced = key.and_then(|key| ctx.with_lock(|lock| lock.announce(&key)));
    if let Some(Err(error)) = announced {
        tracing::debug!(id = ctx.id.as_str(), %error, "the key of an artifact was not announced");
    }
    let artifact = ctx.during(Part::Publishing, || staging.publish())?;
    ctx.tell(EventKind::Published {
        path: artifact.path().to_path_buf(),
    });
    Ok(VerifiedModel {
        provided,
        staged_bytes: size,
        ..VerifiedModel::of_artifact(artifact, judged)
    })
}
