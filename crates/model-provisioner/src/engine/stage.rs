//! Steps that bring bytes into the store: import, fetch, repair, and the registration of an artifact
//! that an interrupted call published.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use catalog_core::{
    Artifact, BadFile, Basis, CatalogError, Digest, Expectation, Hasher, ImportRequest,
    ManagedCatalog, Method, ModelRef, Progress, RegisteredModel, StagedFile,
    VerificationOutcomeKind, VerifiedStaging,
};

use super::context::{CallContext, Part};
use super::facts::Facts;
use super::local::locate;
use super::plan::Miss;
use super::verified::{
    Executed, Place, VerifiedModel, enforced, judge, passed, require_external_digest,
};
use crate::error::{ProvisionError, Result};
use crate::observe::EventKind;
use crate::request::Freshness;
use crate::steps::Provided;

/// The number of bytes of a file that are copied at once.
const CHUNK: usize = 1 << 20;

/// Imports a local model into the store.
pub(super) fn import(
    ctx: &CallContext<'_>,
    store: &dyn ManagedCatalog,
    facts: &Facts,
    expected: Option<&Digest>,
) -> Result<VerifiedModel> {
    let recorded = recorded_basis(facts);
    // Before the bytes are copied: nothing else is going to prove them.
    require_external_digest(
        ctx,
        expected.map_or(Basis::Nothing, |_| ctx.basis_of_expected(recorded)),
    )?;
    let source = locate(ctx)?;
    let mut request = ImportRequest::new(&ctx.id, &source);
    request.expected.digest = enforced(ctx, expected);
    let imported = ctx.during(Part::Fetching, || {
        store.stage_import(&request, &mut |now| ctx.fetching(now))
    });
    let staging = imported.map_err(|error| name_mismatch(ctx, error))?;
    let stated = Stated {
        basis: Basis::Nothing,
        recorded,
    };
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
        let fetcher = ctx.fetcher;
        fetcher.stage(&ctx.task(), &mut staging, &mut |now| ctx.fetching(now))
    })?;
    // A source that states no hashes does not replace the bytes that were pinned.
    let pinned = || facts.known.as_ref()?.entry.digest.as_ref();
    let expected = match fetched.basis >= Basis::SourceHash {
        true => expected,
        false => expected.or_else(pinned),
    };
    let expectation = Expectation {
        digest: enforced(ctx, expected),
        ..fetched.expectation
    };
    let verified = ctx.during(Part::Verifying, || {
        staging.verify(&expectation, &mut |now| ctx.verifying(now))
    });
    let mut staging = verified.map_err(|error| name_mismatch(ctx, error))?;
    if let Some(revision) = fetched.revision {
        staging.set_revision(revision);
    }
    let stated = Stated {
        basis: fetched.basis,
        recorded: recorded_basis(facts),
    };
    publish(ctx, staging, expected, stated, Provided::Fetched)
}

/// The facts that others state of staged bytes.
struct Stated {
    /// What the source states of them.
    basis: Basis,
    /// What is recorded of the pinned digest.
    recorded: Option<Basis>,
}

fn recorded_basis(facts: &Facts) -> Option<Basis> {
    facts.known.as_ref().and_then(|known| known.basis)
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
    let judged = judge(
        ctx,
        staging.manifest(),
        expected,
        stated.basis,
        stated.recorded,
    )?;
    let assurance = judged.assurance(staging.manifest());
    staging.set_basis(match judged.basis {
        Basis::Nothing => Basis::OwnHash,
        basis => basis,
    });
    ctx.check()?;
    // A call that comes after a crash finds the artifact by this key. Best effort: without the key
    // that call fetches again.
    let key = staging.key();
    if let Some(Err(error)) = ctx.with_lock(|lock| lock.announce(&key)) {
        tracing::debug!(id = ctx.id.as_str(), %error, "the key of an artifact was not announced");
    }
    let artifact = ctx.during(Part::Publishing, || staging.publish())?;
    ctx.tell(EventKind::Published {
        path: artifact.path().to_path_buf(),
    });
    Ok(VerifiedModel {
        provided,
        pinned: judged.digest.clone(),
        digest: judged.digest,
        outcome: judged.outcome,
        assurance,
        verification: None,
        bytes_staged: size,
        size: Some(size),
        revision: artifact.manifest().revision.clone(),
        place: Place::Store(Box::new(artifact)),
    })
}

/// Takes the artifact that an interrupted call published, if it is what this call asks for and its
/// bytes are still those that were published.
pub(super) fn register_published(
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
    let found = ctx.during(Part::Verifying, || {
        store.verify_candidate(&artifact.entry(), &mut |now| ctx.verifying(now))
    });
    let found = match found {
        Ok(found) if found.outcome.kind == VerificationOutcomeKind::Pass => found,
        Ok(_) => return Ok(Executed::Missed(Miss::OtherArtifact)),
        Err(error) if error.is_absence() => return Ok(Executed::Missed(Miss::OtherArtifact)),
        Err(error) => return Err(error.into()),
    };
    let manifest = artifact.manifest();
    let judged = judge(
        ctx,
        manifest,
        expected,
        manifest.basis,
        recorded_basis(facts),
    )?;
    let mut assurance = found.assurance;
    assurance.basis = judged.basis;
    Ok(Executed::Verified(Box::new(VerifiedModel {
        provided: Provided::AlreadyPresent,
        assurance,
        pinned: judged.digest.clone(),
        digest: judged.digest,
        outcome: judged.outcome,
        verification: Some(Box::new(found)),
        bytes_staged: 0,
        size: Some(manifest.size()),
        revision: manifest.revision.clone(),
        place: Place::Store(Box::new(artifact)),
    })))
}

/// Returns true if digest, policy and revision of a published artifact agree with the call.
fn is_asked_for(
    ctx: &CallContext<'_>,
    facts: &Facts,
    artifact: &Artifact,
    expected: Option<&Digest>,
) -> Result<bool> {
    let manifest = artifact.manifest();
    let is_expected = expected
        .is_none_or(|expected| [&manifest.digest, &manifest.tree_digest()].contains(&expected));
    let is_allowed = ctx.check_size(Some(manifest.size())).is_ok()
        && (expected.is_some() || require_external_digest(ctx, manifest.basis).is_ok());
    if !is_expected || !is_allowed {
        return Ok(false);
    }
    if ctx.is_local() {
        // The file may be another one by now, and only a digest would show it.
        return Ok(expected.is_some());
    }
    if ctx.freshness != Freshness::Revalidate || facts.is_source_asked {
        return Ok(true);
    }
    Ok(revision_now(ctx)?.is_none_or(|now| manifest.revision.as_ref() == Some(&now)))
}

/// Asks the source for its revision. Returns whether the registered model has another one, as far as
/// the source can tell.
pub(super) fn revalidate(ctx: &CallContext<'_>, known: &RegisteredModel) -> Result<Miss> {
    ctx.check_outbound()?;
    let now = revision_now(ctx)?;
    Ok(match now.is_some() && now != known.revision {
        true => Miss::SourceMoved,
        false => Miss::SourceUnchanged,
    })
}

fn revision_now(ctx: &CallContext<'_>) -> Result<Option<String>> {
    ctx.check_outbound()?;
    let now = ctx.during(Part::Fetching, || {
        let fetcher = ctx.fetcher;
        fetcher.resolve_revision(&ctx.task(), &mut |now| ctx.fetching(now))
    });
    Ok(now?)
}

/// Fetches the files of a managed model that are bad or missing. The store registers the result.
pub(super) fn repair(
    ctx: &CallContext<'_>,
    store: &dyn ManagedCatalog,
    known: &RegisteredModel,
) -> Result<VerifiedModel> {
    if !ctx.is_local() {
        // Before the search for bad files, which takes long.
        ctx.check_outbound()?;
    }
    let mut refusal = None;
    let mut fetch =
        |bad: &BadFile<'_>, file: &mut StagedFile<'_>| match fetch_one(ctx, store, bad, file) {
            Ok(()) => Ok(()),
            Err(ProvisionError::Catalog(error)) => Err(error),
            Err(other) => {
                refusal = Some(other);
                Err(CatalogError::Cancelled)
            }
        };
    let repaired = ctx.during(Part::Fetching, || {
        ctx.fetching(Progress {
            done: 0,
            total: known.size,
        })?;
        store.repair(&ctx.id, &mut fetch, &mut |now| ctx.verifying(now))
    });
    let repaired = match (repaired, refusal) {
        (Err(CatalogError::Cancelled), Some(refusal)) => return Err(refusal),
        (repaired, _) => repaired.map_err(|error| name_mismatch(ctx, error))?,
    };
    if repaired.entry.digest != known.entry.digest {
        return Err(changed(ctx));
    }
    let registered = store.registered(&ctx.id, None)?;
    let recorded = registered.as_ref().and_then(|model| model.proof);
    let mut assurance = recorded.unwrap_or_default();
    assurance.method = Some(Method::Hashed);
    assurance.basis = ctx.basis_of_expected(Some(assurance.basis.max(Basis::OwnHash)));
    require_external_digest(ctx, assurance.basis)?;
    ctx.note_registration();
    Ok(VerifiedModel {
        place: Place::Registered(repaired.entry.local_path),
        provided: Provided::Repaired,
        pinned: repaired.entry.digest.clone(),
        digest: repaired.entry.digest,
        outcome: passed(),
        assurance,
        verification: None,
        bytes_staged: repaired.bytes,
        size: registered
            .as_ref()
            .and_then(|model| model.size)
            .or(known.size),
        revision: known.revision.clone(),
    })
}

fn fetch_one(
    ctx: &CallContext<'_>,
    store: &dyn ManagedCatalog,
    bad: &BadFile<'_>,
    file: &mut StagedFile<'_>,
) -> Result<()> {
    let name = &bad.file.name;
    if let ModelRef::File { path } = ctx.model_ref {
        let source = match path.is_dir() {
            true => path.join(name),
            false => path.with_file_name(name),
        };
        let origin = source.display().to_string();
        return copy(ctx, &source, file, bad, origin);
    }
    let mut staging = store.stage(&ctx.id, bad.file.size)?;
    let only = BTreeSet::from([name.clone()]);
    let mut task = ctx.task();
    task.only = Some(&only);
    task.is_folder = bad.manifest.entry_file.is_none();
    task.revision = bad.manifest.revision.as_deref();
    let fetcher = ctx.fetcher;
    fetcher.stage(&task, &mut staging, &mut |now| ctx.fetching(now))?;
    let origin = format!("{} ({name})", ctx.model_ref);
    copy(ctx, &staging.folder().join(name), file, bad, origin)
}

/// Copies a file that is to have the digest of a bad one. `origin` is the place that it comes from.
fn copy(
    ctx: &CallContext<'_>,
    from: &Path,
    to: &mut StagedFile<'_>,
    bad: &BadFile<'_>,
    origin: String,
) -> Result<()> {
    let failed = |action| {
        move |source| CatalogError::Io {
            action,
            path: from.to_path_buf(),
            source,
        }
    };
    let mut source = File::open(from).map_err(failed("open"))?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        ctx.check()?;
        match source.read(&mut buffer).map_err(failed("read"))? {
            0 => break,
            len => {
                hasher.update(&buffer[..len]);
                to.write_all(&buffer[..len]).map_err(failed("copy"))?;
            }
        }
    }
    let actual = hasher.finish();
    match actual == bad.file.digest {
        true => Ok(()),
        false => Err(ProvisionError::SourceMismatch {
            id: ctx.id.to_string(),
            origin,
            expected: Box::new(bad.file.digest.clone()),
            actual: Box::new(actual),
        }),
    }
}

/// Returns the error of staged bytes with the place that they came from: the path of the staging area
/// is gone when the caller reads the error.
fn name_mismatch(ctx: &CallContext<'_>, error: CatalogError) -> ProvisionError {
    match error {
        CatalogError::DigestMismatch {
            expected,
            actual,
            path,
        } => match (expected.parse(), actual.parse()) {
            (Ok(expected), Ok(actual)) => {
                let (expected, actual) = (Box::new(expected), Box::new(actual));
                let id = ctx.id.to_string();
                match ctx.model_ref {
                    ModelRef::File { path } => ProvisionError::DigestMismatch {
                        id,
                        path: path.clone(),
                        expected,
                        actual,
                    },
                    remote => ProvisionError::SourceMismatch {
                        id,
                        origin: remote.to_string(),
                        expected,
                        actual,
                    },
                }
            }
            _ => CatalogError::DigestMismatch {
                expected,
                actual,
                path,
            }
            .into(),
        },
        CatalogError::FormatRefused {
            path,
            format,
            problem,
        } => CatalogError::FormatRefused {
            path: origin_of(ctx, &path),
            format,
            problem,
        }
        .into(),
        CatalogError::ArtifactIncomplete { path, missing } => CatalogError::ArtifactIncomplete {
            path: origin_of(ctx, &path),
            missing,
        }
        .into(),
        other => other.into(),
    }
}

/// Returns the place at the source of a path in a staging area.
fn origin_of(ctx: &CallContext<'_>, staged: &Path) -> PathBuf {
    let mut parts = staged.components().rev();
    let name: Vec<_> = parts
        .by_ref()
        .take_while(|part| part.as_os_str() != "files")
        .collect();
    if parts
        .next()
        .is_none_or(|part| part.as_os_str() != "artifact")
    {
        return staged.to_path_buf();
    }
    let name: PathBuf = name.into_iter().rev().collect();
    match ctx.model_ref {
        ModelRef::File { path } if path.is_dir() => path.join(name),
        ModelRef::File { path } => match name.file_name() {
            Some(name) => path.with_file_name(name),
            None => path.clone(),
        },
        remote => PathBuf::from(remote.to_string()).join(name),
    }
}

/// Returns the error after which a call starts again.
pub(super) fn changed(ctx: &CallContext<'_>) -> ProvisionError {
    ProvisionError::Catalog(CatalogError::Conflict {
        id: ctx.id.to_string(),
        expected: "as it was when this call began",
    })
}
