use crate::progress::Progress;
use std::path::Path;

use super::managed::files_of;
use super::verification::Verify;
use super::verify::verify;
use crate::artifacts::{
    ContentCheck, EntryPoint, Expectation, Freshness, Manifest, ManifestFile, StagedFile, Staging,
    now_at_most,
};

use crate::digest::{Digest, DigestAlgorithm};
use crate::entry::{CatalogEntry, Expected, LifecycleState};
use crate::error::{CatalogError, Result};
use crate::reference::ModelId;
use crate::root::{FileStamp, FoundFile, Layout, now_ms};
use crate::state::RootState;

/// A file of a managed model that is corrupt or missing.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BadFile<'f> {
    /// The name, the size and the digest that the file must have.
    pub file: &'f ManifestFile,
    /// The manifest of the model.
    pub manifest: &'f Manifest,
}

/// The result of a repair of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairReport {
    /// The entry, which is Active.
    pub entry: CatalogEntry,
    /// The names of the files that were fetched.
    pub fetched: Vec<String>,
    /// The number of bytes of the files that were corrupt or missing. A file that was restored from
    /// a blob of the store counts, too.
    pub bytes: u64,
    /// The number of intact files.
    pub kept: usize,
}

/// Repairs a managed model. The call verifies all files of the model, calls `fetch` for each file
/// that is corrupt or missing and that the store does not have as a blob, and sets the entry to
/// Active. The new files are verified before they are used. If `progress` returns an error, the
/// call stops with that error.
///
/// # Errors
///
/// [`CatalogError::NotFound`] if there is no such entry, [`CatalogError::Conflict`] if another
/// caller changed or deleted the entry during the repair, [`CatalogError::InvalidEntry`] if the
/// model is not managed, [`CatalogError::DigestMismatch`] if a new file does not have the expected
/// digest, and the error that `fetch` returns.
pub(crate) fn repair(
    state: &RootState,
    id: &str,
    fetch: &mut dyn FnMut(&BadFile<'_>, &mut StagedFile<'_>) -> Result<()>,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<RepairReport> {
    let snapshot = state.models.snapshot()?;
    let record = snapshot.get(id).ok_or_else(|| state.no_such_model(id))?;
    let Some(key) = Layout::key_of(Path::new(&record.local_path)) else {
        return Err(CatalogError::InvalidEntry {
            id: id.to_owned(),
            problem: "its artifact is not in the store; repair the artifact where it lies",
        });
    };
    let begin = now_at_most(state.root.layout());
    // This moves the corrupt files to quarantine.
    verify(state, id, Verify::Full, progress)?;
    let manifest = state.artifacts.manifest(key)?;
    let (good, missing) = files_of(state, key, &manifest)?;
    let is_missing = |file: &&ManifestFile| missing.contains(&file.name);
    let lacking: Vec<&ManifestFile> = manifest.files.iter().filter(is_missing).collect();

    let sizes = lacking.iter().map(|file| file.size);
    let bytes = sizes.fold(0, u64::saturating_add);
    let mut staging = state
        .artifacts
        .stage(&ModelId::new(manifest.id.as_str())?, bytes)?;
    for found in &good {
        let freshness = Freshness::of(&found.stamp, begin);
        link_in(&mut staging, found, &manifest, freshness)?;
    }
    let mut fetched = Vec::new();
    for file in lacking {
        if !link_blob(state, &mut staging, file)? {
            let bad = BadFile {
                file,
                manifest: &manifest,
            };
            let mut staged = staging.create(&file.name)?;
            fetch(&bad, &mut staged)?;
            staged.finish()?;
            fetched.push(file.name.clone());
        }
    }
    staging.set_provenance(manifest.provenance());
    let files = manifest.files.iter();
    let expected = Expectation {
        digest: None,
        files: files
            .map(|file| (file.name.clone(), file.digest.clone()))
            .collect(),
        entry_point: match &manifest.entry_file {
            Some(name) => EntryPoint::File(name.clone()),
            None => EntryPoint::Folder,
        },
        // The content was checked before the model was published.
        content: ContentCheck::Skip,
    };
    let mut verified = staging.verify(&expected, progress)?;
    verified.set_basis(manifest.basis);
    let artifact = verified.publish()?;
    let began = record.entry(id, &state.root);
    let entry = state.update_models(|edit| {
        let now = edit
            .get(id)
            .filter(|now| now.local_path == began.local_path && now.digest == began.digest);
        let Some(now) = now else {
            return Err(CatalogError::Conflict {
                id: id.to_owned(),
                expected: "as it was when its repair began",
            });
        };
        let repaired = CatalogEntry {
            lifecycle: LifecycleState::Active,
            last_verified_ms: Some(now_ms()),
            ..now
        };
        edit.put_with(&repaired, Expected::Any, |record| {
            record.published_as(&artifact)
        })?;
        Ok(repaired)
    })?;
    drop(artifact);
    Ok(RepairReport {
        entry,
        fetched,
        bytes,
        kept: good.len(),
    })
}

/// Links the blob of a missing file into the staging area, if the blob exists and has the expected
/// digest. Returns true if it did.
fn link_blob(state: &RootState, staging: &mut Staging, file: &ManifestFile) -> Result<bool> {
    let blob = state.root.layout().blob(&file.digest.value);
    let begin = now_at_most(state.root.layout());
    let Ok(metadata) = std::fs::symlink_metadata(&blob) else {
        return Ok(false);
    };
    let freshness = Freshness::of(&FileStamp::of(&metadata), begin);
    let digest = match Digest::compute_or_stop(&blob, DigestAlgorithm::Sha256, &mut |_| {
        state.limits.check("hashing")
    }) {
        Ok(digest) => digest,
        Err(CatalogError::ArtifactMissing { .. }) => return Ok(false),
        Err(error) => return Err(error),
    };
    if digest != file.digest {
        return Ok(false);
    }
    staging.link(&blob, file, freshness)?;
    Ok(true)
}

/// Links an intact file into the staging area.
fn link_in(
    staging: &mut Staging,
    found: &FoundFile,
    manifest: &Manifest,
    freshness: Freshness,
) -> Result<()> {
    let file = manifest.files.iter().find(|file| file.name == found.name);
    let file = file.expect("it was looked for by that name");
    staging.link(&found.path, file, freshness)
}
