use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use catalog_core::maintenance::Verification;
use catalog_core::{
    Artifact, Assurance, Basis, Digest, Manifest, Method, VerificationOutcome,
    VerificationOutcomeKind, verify_digest,
};

use super::context::CallContext;
use super::plan::Miss;
use crate::error::{ProvisionError, Result};
use crate::policy::OnMismatch;
use crate::steps::Provided;

/// A model that may be registered: its bytes have the expected digest, there is no expected digest,
/// or the policy allows the mismatch. No other model is registered.
#[derive(Debug)]
pub(super) struct VerifiedModel {
    pub(super) place: Place,
    pub(super) provided: Provided,
    /// The digest of the bytes, if it is known.
    pub(super) digest: Option<Digest>,
    /// The digest that later calls expect.
    pub(super) pinned: Option<Digest>,
    pub(super) outcome: VerificationOutcome,
    pub(super) assurance: Assurance,
    /// The verification by the catalog, which is to be recorded.
    pub(super) verification: Option<Box<Verification>>,
    pub(super) staged_bytes: u64,
    pub(super) size: Option<u64>,
    pub(super) revision: Option<String>,
}

impl VerifiedModel {
    /// Creates the verified model of a published artifact, whose bytes were hashed while they were
    /// staged.
    pub(super) fn of_artifact(artifact: Artifact, judged: Judgement) -> Self {
        let manifest = artifact.manifest();
        let mut assurance = Assurance::default();
        assurance.basis = judged.basis;
        assurance.algorithm = manifest.digest.algorithm().ok();
        assurance.at_ms = Some(manifest.published_ms);
        assurance.method = Some(Method::Hashed);
        Self {
            provided: Provided::AlreadyPresent,
            pinned: judged.digest.clone(),
            digest: judged.digest,
            outcome: judged.outcome,
            assurance,
            verification: None,
            staged_bytes: 0,
            size: Some(manifest.size()),
            revision: manifest.revision.clone(),
            place: Place::Store(Box::new(artifact)),
        }
    }
}

/// The result of a step that did not fail.
#[derive(Debug)]
pub(super) enum Executed {
    Verified(Box<VerifiedModel>),
    /// The step did not provide the model, but another step may.
    Missed(Miss),
}

/// The place of a verified model.
#[derive(Debug)]
pub(super) enum Place {
    /// A path that must be registered.
    Path(PathBuf),
    /// A path that the catalog names already.
    Registered(PathBuf),
    /// An artifact of the store. It is not removed while this value is held.
    Store(Box<Artifact>),
}

impl Place {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Path(path) | Self::Registered(path) => path,
            Self::Store(artifact) => artifact.path(),
        }
    }
}

/// The result of a comparison of staged bytes with the expected digest.
pub(super) struct Judgement {
    pub(super) outcome: VerificationOutcome,
    pub(super) basis: Basis,
    /// The digest of the bytes. `None` if another digest was expected.
    pub(super) digest: Option<Digest>,
}

/// The sources of the digests of staged bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stated {
    /// The kind of the statement of the source about the bytes.
    pub(super) by_source: Basis,
    /// The source of the pinned digest, if it is recorded.
    pub(super) in_record: Option<Basis>,
}

/// Returns the digest that staged bytes must have to be published, if there is such a digest.
pub(super) fn enforced(ctx: &CallContext<'_>, expected: Option<&Digest>) -> Option<Digest> {
    // A digest of another algorithm can be compared only while the bytes are staged.
    let is_comparable = |digest: &Digest| ["sha256", "sha256-tree"].contains(&&*digest.algo);
    expected
        .filter(|digest| ctx.policy.on_mismatch == OnMismatch::Fail || !is_comparable(digest))
        .cloned()
}

/// Compares staged bytes with the expected digest.
pub(super) fn judge(
    ctx: &CallContext<'_>,
    manifest: &Manifest,
    expected: Option<&Digest>,
    stated: Stated,
) -> Result<Judgement> {
    let digest = Some(manifest.digest.clone());
    let Some(expected) = expected else {
        return match stated.by_source {
            Basis::SourceHash | Basis::Pin | Basis::Caller => Ok(Judgement {
                outcome: passed(),
                basis: Basis::SourceHash,
                digest,
            }),
            Basis::Nothing => Ok(Judgement {
                outcome: unverified(ctx)?,
                basis: Basis::OwnHash,
                digest,
            }),
            weak => Ok(Judgement {
                outcome: unverified(ctx)?,
                basis: weak,
                digest,
            }),
        };
    };
    // The staging has compared the digest already, unless the policy only warns of a mismatch.
    if enforced(ctx, Some(expected)).is_some()
        || [&manifest.digest, &manifest.tree_digest()].contains(&expected)
    {
        let basis = match ctx.basis_of_expected(stated.in_record) {
            weak if weak < Basis::SourceHash && stated.by_source >= Basis::SourceHash => {
                Basis::SourceHash
            }
            basis => basis,
        };
        require_external_digest(ctx, basis)?;
        return Ok(Judgement {
            outcome: passed(),
            basis,
            digest,
        });
    }
    let compared = verify_digest(Some(&manifest.digest), Some(expected));
    Ok(Judgement {
        outcome: mismatch_let_through(ctx, compared.reason),
        basis: Basis::Nothing,
        digest: None,
    })
}

/// Returns an error if the policy requires a digest from a caller or a source, and there is none.
pub(super) fn require_external_digest(ctx: &CallContext<'_>, basis: Basis) -> Result<()> {
    match ctx.policy.unverified_refusal() {
        Some(refusal) if basis < Basis::SourceHash => {
            Err(ProvisionError::refused(&ctx.id, refusal))
        }
        _ => Ok(()),
    }
}

/// Logs a mismatch that the policy allows, and returns its outcome.
pub(super) fn mismatch_let_through(
    ctx: &CallContext<'_>,
    reason: Option<String>,
) -> VerificationOutcome {
    let id = ctx.id.as_str();
    let said = reason.as_deref().unwrap_or_default();
    tracing::warn!(
        id,
        reason = said,
        "the model does not have the expected digest, and the policy allows the mismatch"
    );
    VerificationOutcome {
        kind: VerificationOutcomeKind::Warn,
        reason,
    }
}

/// Returns the outcome for a model without a digest, if the policy allows such a model. At the
/// first call of this process for the model, a warning is logged.
pub(super) fn unverified(ctx: &CallContext<'_>) -> Result<VerificationOutcome> {
    /// The ids of the models about which this process has logged a warning.
    static WARNED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    require_external_digest(ctx, Basis::Nothing)?;
    let id = ctx.id.as_str();
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    if !warned.contains(id) {
        warned.insert(id.to_owned());
        drop(warned);
        tracing::warn!(
            id,
            "the model is unverified: neither a caller nor its source stated a digest"
        );
    }
    Ok(verify_digest(None, None))
}

pub(super) fn passed() -> VerificationOutcome {
    VerificationOutcome {
        kind: VerificationOutcomeKind::Pass,
        reason: None,
    }
}
