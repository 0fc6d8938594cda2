use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::managed::files_of;
use super::skipped::Skipped;
use super::verify::is_same_content;
use crate::artifacts::{ArtifactStore, Fingerprint, Published, now_at_most};
use crate::digest::{Digest, hash_files};
use crate::entry::Expected;
use crate::error::{CatalogError, Result};
use crate::index;
use crate::root::{KeptAside, keep_foreign_aside, now_ms};
use crate::state::{Proof, RootState, StoreOptions};

/// The result of [`rebuild`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rebuilt {
    /// The ids whose entries were restored, sorted.
    pub restored: Vec<String>,
    /// The ids that had an entry already, sorted. These entries were not changed.
    pub kept: Vec<String>,
    /// The artifacts that were not registered, with the reasons.
    pub rejected: Vec<Skipped<PathBuf, String>>,
    /// The foreign files and folders, as
    /// [`Recovery::kept_aside`](crate::maintenance::Recovery::kept_aside) lists them.
    pub kept_aside: Vec<KeptAside>,
}

/// Restores the entries of managed models from their manifests. An artifact is registered as Active
/// under the id in its manifest, if there is no entry with this id, all its files exist, and all
/// files have the digests of the manifest. If several intact artifacts have one id, the last
/// published one is registered.
///
/// Call it for a root that lost both its index and the previous generation of the index. If the
/// index is only damaged, call [`recover`](crate::recover) first. The call hashes all bytes.
///
/// # Errors
///
/// [`IndexDamaged`](crate::CatalogError::IndexDamaged) if an index cannot be recovered,
/// [`IndexTooNew`](crate::CatalogError::IndexTooNew) if a newer release wrote an index, and the
/// errors of writing.
pub fn rebuild(root: impl AsRef<Path>) -> Result<Rebuilt> {
    StoreOptions::default().rebuild(root)
}

impl StoreOptions {
    /// Restores entries as [`rebuild`] does, on a root that is opened with these options, such as
    /// another kind of locks.
    ///
    /// # Errors
    ///
    /// The errors of [`rebuild`].
    pub fn rebuild(&self, root: impl AsRef<Path>) -> Result<Rebuilt> {
        rebuild_state(&RootState::open(root.as_ref(), *self)?)
    }
}

fn rebuild_state(state: &RootState) -> Result<Rebuilt> {
    // The root of a newer release is not changed.
    if let Err(error @ CatalogError::IndexTooNew { .. }) = state.models.snapshot() {
        return Err(error);
    }
    let kept_aside = keep_foreign_aside(state.root.layout())?;
    // An index that was lost without its previous generation becomes an empty index.
    for recover in [
        |state: &RootState| index::recover(&state.engines, &state.limits),
        |state: &RootState| index::recover(&state.pins, &state.limits),
        |state: &RootState| index::recover(&state.models, &state.limits),
    ] {
        recover(state)?;
    }
    let artifacts = &state.artifacts;
    let mut report = Rebuilt {
        kept_aside,
        ..Rebuilt::default()
    };
    let mut by_id: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for key in artifacts.keys()? {
        match artifacts.manifest(&key) {
            Ok(manifest) => {
                let of_id = by_id.entry(manifest.id).or_default();
                of_id.push((manifest.published_ms, key));
            }
            Err(error) => report.reject(artifacts, &key, error.to_string()),
        }
    }
    for (id, mut of_id) in by_id {
        if state.models.snapshot()?.get(&id).is_some() {
            report.kept.push(id);
            continue;
        }
        of_id.sort_unstable();
        let mut is_restored = false;
        while let Some((_, key)) = of_id.pop() {
            if is_restored {
                report.reject(
                    artifacts,
                    &key,
                    "a later artifact with the same id is intact".to_owned(),
                );
                continue;
            }
            match restore(state, &key) {
                Ok(()) => is_restored = true,
                Err(error) => report.reject(artifacts, &key, error.to_string()),
            }
        }
        if is_restored {
            report.restored.push(id);
        }
    }
    Ok(report)
}

/// Registers an intact artifact. A lease protects it from collection, because no entry does so yet.
fn restore(state: &RootState, key: &str) -> Result<()> {
    let missing = |path: PathBuf| CatalogError::ArtifactMissing { path };
    let Some(artifact) = state.artifacts.open(key)? else {
        return Err(missing(
            state.artifacts.layout().artifact(key).path().to_path_buf(),
        ));
    };
    let manifest = artifact.manifest();
    let (files, lacking) = files_of(state, key, manifest)?;
    if !lacking.is_empty() {
        return Err(CatalogError::ArtifactIncomplete {
            path: artifact.path().to_path_buf(),
            missing: lacking,
        });
    }
    let folder = state.artifacts.layout().artifact(key).files();
    let (begin, at_ms) = (now_at_most(state.root.layout()), now_ms());
    let before = Fingerprint::of(&folder)?;
    let contents = hash_files(&files, &mut |_| Ok(()))?;
    // Other models with the same bytes may be added or removed, which changes the number of links
    // of the files.
    let (files_now, _) = files_of(state, key, manifest)?;
    if !is_same_content(&files, &files_now) {
        return Err(CatalogError::ArtifactChanged { path: folder });
    }
    let now = Fingerprint::of(&folder)?;
    let is_settled = begin.is_some_and(|begin| before.is_settled_at(begin));
    let seen = Published {
        is_settled: is_settled && now == before,
        fingerprint: now,
    };
    for ((content, file), found) in contents.iter().zip(&manifest.files).zip(&files) {
        if Digest::of_content(content) != file.digest {
            return Err(CatalogError::DigestMismatch {
                path: found.path.clone(),
                expected: file.digest.to_string(),
                actual: Digest::of_content(content).to_string(),
            });
        }
    }
    let proof = Proof::of_publication(&seen, at_ms, manifest.basis);
    state.update_models(|edit| {
        edit.put_with(&artifact.entry(), Expected::Absent, |record| {
            record.published_as(&artifact).with_proof(&proof)
        })
    })
}

impl Rebuilt {
    fn reject(&mut self, artifacts: &ArtifactStore, key: &str, why: String) {
        let folder = artifacts.layout().artifact(key);
        self.rejected
            .push(Skipped::new(folder.path().to_path_buf(), why));
    }
}
