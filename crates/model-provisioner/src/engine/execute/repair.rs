use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use catalog_core::maintenance::BadFile;
use catalog_core::managed::{ManagedCatalog, RegisteredModel};
use catalog_core::{CatalogError, Hasher, Method, Progress, StagedFile, TaskFiles};

use super::origin::{at_source, place_at_source};
use super::watch::stage_watched;
use crate::engine::context::CallContext;
use crate::engine::phase::Phase;
use crate::engine::verified::{Place, VerifiedModel, passed, require_external_digest};
use crate::error::{ProvisionError, Result};
use crate::steps::Provided;

/// The number of bytes of a file that are copied at once.
const CHUNK: usize = 1 << 20;

/// Fetches the files of a managed model that are corrupt or missing. The store registers the
/// result.
pub(super) fn repair(
    ctx: &CallContext<'_>,
    store: &dyn ManagedCatalog,
    known: &RegisteredModel,
) -> Result<VerifiedModel> {
    if !ctx.is_local() {
        // The policy is checked before the search for corrupt files, which takes long.
        ctx.check_outbound()?;
    }
    let basis = ctx.basis_of_expected(known.basis);
    // The digest is checked before anything changes, because the repair restores the same bytes.
    require_external_digest(ctx, basis)?;
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
    let repaired = ctx.during(Phase::Fetching, || {
        ctx.fetching(Progress::new(0, known.size))?;
        store.repair(&ctx.id, &mut fetch, &mut |now| ctx.verifying(now))
    });
    let repaired = match (repaired, refusal) {
        (Err(CatalogError::Cancelled), Some(refusal)) => return Err(refusal),
        (repaired, _) => repaired.map_err(|error| at_source(ctx, error))?,
    };
    if repaired.entry.digest != known.entry.digest {
        return Err(ctx.changed());
    }
    let registered = store.registered(&ctx.id, None)?;
    let recorded = registered.as_ref().and_then(|model| model.proof);
    let mut assurance = recorded.unwrap_or_default();
    assurance.method = Some(Method::Hashed);
    assurance.basis = basis;
    ctx.note_registration();
    Ok(VerifiedModel {
        place: Place::Registered(repaired.entry.local_path),
        provided: Provided::Repaired,
        pinned: repaired.entry.digest.clone(),
        digest: repaired.entry.digest,
        outcome: passed(),
        assurance,
        verification: None,
        staged_bytes: repaired.bytes,
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
    let place = place_at_source(ctx, Path::new(name));
    let origin = place.display().to_string();
    if ctx.is_local() {
        return copy(ctx, &place, file, bad, origin);
    }
    let mut staging = store.stage(&ctx.id, bad.file.size)?;
    let names = BTreeSet::from([name.clone()]);
    let mut task = ctx.task();
    task.files = match bad.manifest.entry_file {
        Some(_) => TaskFiles::Only(&names),
        None => TaskFiles::OnlyInFolder(&names),
    };
    task.revision = bad.manifest.revision.as_deref();
    // The names choose the files.
    task.patterns = &[];
    task.digest = Some(&bad.file.digest);
    let fetched = stage_watched(ctx, task, &mut staging)?;
    ctx.note_bytes(fetched.bytes);
    copy(ctx, &staging.folder().join(name), file, bad, origin)?;
    // The copy is the file of the model now.
    staging.discard_partial_files();
    Ok(())
}

/// Copies the replacement of a corrupt file, and compares it with the digest of the manifest.
/// `origin` is the place of the replacement at the source.
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
