//! The steps that put a whole model into the store.

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
    // The digest is checked before the bytes are copied, because the source of a local model states
    // no hash.
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

/// Fetches the model into the store.
pub(super) fn fetch(
    ctx: &CallContext<'_>,
    store: &dyn ManagedCatalog,
    facts: &Facts,
    expected: Option<&Digest>,
) -> Result<VerifiedModel> {
    ctx.check_outbound()?;
    let mut staging = store.stage(&ctx.id, 0)?;
    let wanted = enforced(ctx, expected);
    let fetched = ctx.during(Part::Fetching, || {
        ctx.fetching(Progress::default())?;
        let mut task = ctx.task();
        task.digest = wanted.as_ref();
        stage_watched(ctx, task, &mut staging)
    })?;
    ctx.note_bytes(fetched.bytes);
    // A source that states no hashes cannot replace a digest that somebody stated.
    let expected = match fetched.basis >= Basis::SourceHash {
        true => expected,
        false => expected.or_else(|| facts.vouched_digest()),
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
    // After a crash, the next call finds the artifact by this key. For a local model without a
    // digest, the key is not announced: the file may change until then, so that call must copy it
    // again. If the key cannot be written, the next call only fetches again.
    let is_found_again = !ctx.is_local() || expected.is_some();
    let key = is_found_again.then(|| staging.key());
    let announced = key.and_then(|key| ctx.with_lock(|lock| lock.announce(&key)));
    if let Some(Err(error)) = announced {
        tracing::debug!(id = ctx.id.as_str(), %error, "a key could not be announced");
    }
    let artifact = ctx.during(Part::Publishing, || staging.publish())?;
    ctx.notify(EventKind::Published {
        path: artifact.path().to_path_buf(),
    });
    Ok(VerifiedModel {
        provided,
        staged_bytes: size,
        ..VerifiedModel::of_artifact(artifact, judged)
    })
}
