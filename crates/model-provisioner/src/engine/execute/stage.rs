//! The steps that put a whole model into the store.

use catalog_core::managed::{ManagedCatalog, RegisteredModel};
use catalog_core::{
    Basis, CatalogError, Digest, FilePatterns, ImportRequest, Manifest, Progress, VerifiedStaging,
};

use super::local::locate;
use super::origin::at_source;
use super::watch::stage_watched;
use crate::engine::context::CallContext;
use crate::engine::facts::Facts;
use crate::engine::phase::Phase;
use crate::engine::verified::{Stated, VerifiedModel, enforced, judge, require_external_digest};
use crate::error::{ProvisionError, Result};
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
    let imported = ctx.during(Phase::Fetching, || {
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
    let wanted = WantedFiles::of(ctx, store, facts);
    let expected = wanted.expected(ctx, expected)?;
    let staged = stage_and_verify(ctx, store, facts, expected, &wanted, Earlier::Continue);
    let (staging, expected, by_source) = match staged {
        // The bytes of an earlier call may be the wrong ones.
        Err(Refused { error, resumed }) if resumed > 0 && is_of_bytes(&error) => {
            tracing::warn!(id = ctx.id.as_str(), %error, "a resumed fetch is repeated from the begin");
            stage_and_verify(ctx, store, facts, expected, &wanted, Earlier::Ignore)
        }
        staged => staged,
    }
    .map_err(|refused| refused.error)?;
    let stated = Stated {
        by_source,
        in_record: facts.recorded_basis(),
    };
    publish(ctx, staging, expected, stated, Provided::Fetched)
}

/// The files that a fetch must deliver. The files of an entry only become more.
struct WantedFiles<'f> {
    /// The patterns of earlier requests, and at last those of this one. Without patterns, all files
    /// are wanted.
    patterns: Vec<FilePatterns>,
    /// The registered model, if the fetch adds files of the same revision to it.
    extended: Option<&'f RegisteredModel>,
    /// The manifest of the extended model, if it can be read.
    present: Option<Manifest>,
}

impl<'f> WantedFiles<'f> {
    fn of(ctx: &CallContext<'_>, store: &dyn ManagedCatalog, facts: &'f Facts) -> Self {
        let known = facts.known.as_ref();
        let asked = Some(ctx.patterns).filter(|patterns| !patterns.is_empty());
        let patterns = match (known.map(|known| &known.patterns), asked) {
            (None, asked) => asked.into_iter().cloned().collect(),
            (Some(earlier), Some(asked)) if !earlier.is_empty() => {
                let others = earlier.iter().filter(|patterns| *patterns != asked);
                others.chain([asked]).cloned().collect()
            }
            (Some(_), _) => Vec::new(),
        };
        let extended = known.filter(|_| facts.lacks_files && !facts.has_moved);
        // Without the manifest, the fetch takes nothing from the present artifact.
        let present =
            extended.and_then(|known| store.manifest(&known.entry.local_path).unwrap_or_default());
        Self {
            patterns,
            extended,
            present,
        }
    }

    /// Returns the revision of the extended model.
    fn revision(&self) -> Option<&str> {
        self.extended?.revision.as_deref()
    }

    /// Returns true if the model is one file or one set of shards. Its digest does not cover its
    /// companions.
    fn is_one_model(&self, ctx: &CallContext<'_>) -> bool {
        let has_tag = ctx
            .model_ref
            .as_hf()
            .is_some_and(|parts| parts.quantisation.is_some());
        let has_entry_file = |present: &Manifest| present.entry_file.is_some();
        has_tag || self.present.as_ref().is_some_and(has_entry_file)
    }

    /// Returns the digest that the union of the files must have. `expected` is the digest that the
    /// plan expects.
    fn expected(
        &self,
        ctx: &CallContext<'_>,
        expected: Option<&'f Digest>,
    ) -> Result<Option<&'f Digest>> {
        let (None, Some(known)) = (expected, self.extended) else {
            return Ok(expected);
        };
        match &known.entry.digest {
            Some(pinned) if self.is_one_model(ctx) => Ok(Some(pinned)),
            Some(pinned) if known.basis.is_none_or(|basis| basis >= Basis::Pin) => {
                let chosen: Vec<String> = known.patterns.iter().map(ToString::to_string).collect();
                Err(ProvisionError::PinCoversFewerFiles {
                    id: ctx.id.to_string(),
                    pinned: Box::new(pinned.clone()),
                    chosen: chosen.join("; "),
                })
            }
            // The source stated the digests of the files.
            _ => Ok(None),
        }
    }
}

/// The treatment of bytes that earlier calls left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Earlier {
    Continue,
    Ignore,
}

/// The error of a fetch, and the number of bytes that were taken from earlier calls.
struct Refused {
    error: ProvisionError,
    resumed: u64,
}

impl<E: Into<ProvisionError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            resumed: 0,
        }
    }
}

/// Returns true if an error says that the bytes are not those of the model.
fn is_of_bytes(error: &ProvisionError) -> bool {
    matches!(
        error,
        ProvisionError::SourceMismatch { .. }
            | ProvisionError::Catalog(
                CatalogError::DigestMismatch { .. } | CatalogError::FormatRefused { .. }
            )
    )
}

/// Fetches the model into a staging area, and verifies it. Returns the digest with which the bytes
/// were compared, and the statement of the source.
fn stage_and_verify<'e>(
    ctx: &CallContext<'_>,
    store: &dyn ManagedCatalog,
    facts: &'e Facts,
    expected: Option<&'e Digest>,
    files: &WantedFiles<'_>,
    earlier: Earlier,
) -> Result<(VerifiedStaging, Option<&'e Digest>, Basis), Refused> {
    let mut staging = store.stage(&ctx.id, 0)?;
    if earlier == Earlier::Ignore {
        staging.ignore_earlier_bytes();
    }
    let wanted = enforced(ctx, expected);
    let fetched = ctx.during(Phase::Fetching, || {
        ctx.fetching(Progress::default())?;
        let mut task = ctx.task();
        task.digest = wanted.as_ref();
        task.patterns = &files.patterns;
        task.present = files.present.as_ref();
        task.revision = files.revision();
        stage_watched(ctx, task, &mut staging)
    })?;
    ctx.note_bytes(fetched.bytes);
    // A source that states no hashes cannot replace a digest that somebody stated.
    let expected = match fetched.basis >= Basis::SourceHash {
        true => expected,
        // The digest of fewer files says nothing about the union.
        false if files.extended.is_some() => expected,
        false => expected.or_else(|| facts.vouched_digest()),
    };
    let expectation = fetched
        .expectation
        .digest(enforced(ctx, expected))
        .content(ctx.policy.content);
    let verified = ctx.during(Phase::Verifying, || {
        staging.verify(&expectation, &mut |now| ctx.verifying(now))
    });
    let mut staging = verified.map_err(|error| Refused {
        error: at_source(ctx, error),
        resumed: fetched.bytes.resumed,
    })?;
    if let Some(revision) = fetched.revision {
        staging.set_revision(revision);
    }
    Ok((staging, expected, fetched.basis))
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
    let artifact = ctx.during(Phase::Publishing, || staging.publish())?;
    ctx.notify(EventKind::Published {
        path: artifact.path().to_path_buf(),
    });
    Ok(VerifiedModel {
        provided,
        staged_bytes: size,
        ..VerifiedModel::of_artifact(artifact, judged)
    })
}
