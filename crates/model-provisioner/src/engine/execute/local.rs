//! The steps that use a model where it is.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use catalog_core::maintenance::Verification;
use catalog_core::managed::RegisteredModel;
use catalog_core::{
    Assurance, Basis, CatalogEntry, Digest, FileFetcher, LifecycleState, LocalModel, Method,
    ModelFetcher, ModelRef, Progress, VerificationOutcome, VerificationOutcomeKind as Kind,
    verify_digest,
};

use crate::engine::context::CallContext;
use crate::engine::phase::Phase;
use crate::engine::verified::{
    Place, VerifiedModel, mismatch_let_through, passed, require_external_digest, unverified,
};
use crate::error::{ProvisionError, Result};
use crate::observe::EventKind;
use crate::policy::OnMismatch;
use crate::steps::Provided;

/// Uses the registered model. Its bytes are proved, or there is no expected digest.
pub(super) fn use_registered(
    ctx: &CallContext<'_>,
    known: &RegisteredModel,
    expected: Option<&Digest>,
) -> Result<VerifiedModel> {
    let size = match ctx.policy.max_bytes {
        // A file outside the store can grow.
        Some(_) if !known.is_managed => Some(LocalModel::resolve(&known.entry.local_path)?.size()),
        _ => known.size,
    };
    ctx.check_size(size)?;
    let (outcome, assurance) = match expected {
        Some(_) => {
            let mut assurance = known.proof.unwrap_or_default();
            assurance.basis = ctx.basis_of_expected(Some(assurance.basis));
            require_external_digest(ctx, assurance.basis)?;
            (passed(), assurance)
        }
        None => (unverified(ctx)?, Assurance::default()),
    };
    let path = known.entry.local_path.clone();
    Ok(VerifiedModel {
        place: match known.entry.lifecycle {
            LifecycleState::Active => Place::Registered(path),
            LifecycleState::Retired => Place::Path(path),
        },
        provided: Provided::AlreadyPresent,
        pinned: expected.cloned(),
        digest: expected.cloned(),
        outcome,
        assurance,
        verification: None,
        staged_bytes: 0,
        size,
        revision: known.revision.clone(),
    })
}

/// Returns the path at which the fetcher keeps the model.
pub(super) fn locate(ctx: &CallContext<'_>) -> Result<PathBuf> {
    ctx.check_outbound()?;
    ctx.during(Phase::Fetching, || {
        ctx.check()?;
        if !ctx.is_local() {
            ctx.notify(EventKind::Fetching(Progress::default()));
        }
        let fetched = ctx.fetcher.ensure_present(ctx.model_ref)?;
        if fetched.id != ctx.id.as_str() {
            let id = ctx.id.as_str();
            tracing::warn!(
                id,
                fetched = fetched.id,
                "the fetcher returned another id, which is not used"
            );
        }
        // A fetcher can be third-party code, so this call checks that the model is at the path.
        let path = fetched.local_path;
        let found = FileFetcher.ensure_present(&ModelRef::File { path })?;
        Ok(found.local_path)
    })
}

/// Verifies the model where the fetcher keeps it, and uses it there.
pub(super) fn use_in_place(
    ctx: &CallContext<'_>,
    known: Option<&RegisteredModel>,
    expected: Option<&Digest>,
) -> Result<VerifiedModel> {
    let path = locate(ctx)?;
    verify(ctx, path, known, expected, Provided::InPlace)
}

/// Hashes the model at a path and compares it with the expected digest.
pub(super) fn verify(
    ctx: &CallContext<'_>,
    path: PathBuf,
    known: Option<&RegisteredModel>,
    expected: Option<&Digest>,
    provided: Provided,
) -> Result<VerifiedModel> {
    let size = match known {
        Some(known) if known.is_managed && provided == Provided::AlreadyPresent => known.size,
        _ => LocalModel::resolve(&path).ok().map(|model| model.size()),
    };
    ctx.check_size(size)?;
    if !known.is_some_and(|known| known.is_managed) || provided == Provided::InPlace {
        let model = LocalModel::resolve(&path)?;
        model.check_content(ctx.policy.content, &|| ctx.check())?;
    }
    let compared = ctx.during(Phase::Verifying, || compare(ctx, &path, known, expected))?;
    let mut assurance = compared.assurance;
    let (digest, pinned, outcome) = match (compared.outcome.kind, expected) {
        (Kind::Pass, _) => {
            assurance.basis = ctx.basis_of_expected(Some(assurance.basis));
            require_external_digest(ctx, assurance.basis)?;
            (expected.cloned(), expected.cloned(), compared.outcome)
        }
        // A pinned digest of one shard does not prove the set, but it stays the expected digest.
        (Kind::Warn, Some(expected)) => {
            assurance.basis = Basis::Nothing;
            require_external_digest(ctx, assurance.basis)?;
            let outcome = mismatch_let_through(ctx, compared.outcome.reason);
            (None, Some(expected.clone()), outcome)
        }
        (Kind::Warn, None) => (None, None, unverified(ctx)?),
        // A mismatch is allowed only for a complete model with another digest. A damaged model is
        // not another model.
        (Kind::Fail, _)
            if ctx.policy.on_mismatch == OnMismatch::Warn && compared.actual.is_some() =>
        {
            assurance.basis = Basis::Nothing;
            // A pinned digest stays the expected digest.
            let pinned = known.and_then(|known| known.entry.digest.clone());
            (
                None,
                pinned,
                mismatch_let_through(ctx, compared.outcome.reason),
            )
        }
        (Kind::Fail, expected) => return Err(mismatch(ctx, path, expected, compared)),
    };
    Ok(VerifiedModel {
        place: Place::Path(path),
        provided,
        digest,
        pinned,
        outcome,
        assurance,
        verification: compared.verification,
        staged_bytes: 0,
        size,
        revision: known
            .filter(|_| provided == Provided::AlreadyPresent)
            .and_then(|known| known.revision.clone()),
    })
}

/// The result of a comparison of bytes with a digest.
struct Compared {
    outcome: VerificationOutcome,
    assurance: Assurance,
    actual: Option<Digest>,
    verification: Option<Box<Verification>>,
}

fn compare(
    ctx: &CallContext<'_>,
    path: &Path,
    known: Option<&RegisteredModel>,
    expected: Option<&Digest>,
) -> Result<Compared> {
    ctx.check()?;
    let mut progress = |now| ctx.verifying(now);
    if let Some(store) = ctx.store() {
        let candidate = CatalogEntry {
            id: ctx.id.to_string(),
            local_path: path.to_path_buf(),
            lifecycle: LifecycleState::Active,
            digest: expected.cloned(),
            last_verified_ms: None,
        };
        let found = store.verify_candidate(&candidate, &mut progress)?;
        return Ok(Compared {
            outcome: found.outcome.clone(),
            assurance: found.assurance,
            actual: found.actual.clone(),
            verification: Some(Box::new(found)),
        });
    }
    let Some(expected) = expected else {
        return Ok(Compared {
            outcome: verify_digest(None, None),
            assurance: Assurance::default(),
            actual: None,
            verification: None,
        });
    };
    let mut assurance = Assurance::default();
    assurance.basis = Basis::Pin;
    assurance.algorithm = expected.algorithm().ok();
    // The time is taken before the first byte is read, because a later change may not be seen.
    assurance.at_ms = Some(now_ms());
    assurance.method = Some(Method::Hashed);
    let pinned = known.and_then(|known| known.entry.digest.as_ref());
    let model = LocalModel::resolve(path)?;
    let compared = model.compare(expected, pinned, &mut progress)?;
    let (outcome, actual) = (compared.outcome, compared.actual);
    Ok(Compared {
        outcome,
        assurance,
        actual: Some(actual),
        verification: None,
    })
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

fn mismatch(
    ctx: &CallContext<'_>,
    path: PathBuf,
    expected: Option<&Digest>,
    compared: Compared,
) -> ProvisionError {
    match (expected, compared.actual) {
        (Some(expected), Some(actual)) => ProvisionError::DigestMismatch {
            id: ctx.id.to_string(),
            path,
            expected: Box::new(expected.clone()),
            actual: Box::new(actual),
        },
        _ => ProvisionError::Unsound {
            id: ctx.id.to_string(),
            path,
            reason: compared.outcome.reason.unwrap_or_default(),
        },
    }
}
