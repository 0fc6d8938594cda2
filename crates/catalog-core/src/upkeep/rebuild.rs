use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::catalog::FsCatalog;
use crate::digest::hash_files;
use crate::disk::now_ms;
use crate::entry::{CatalogEntry, LifecycleState};
use crate::error::Result;

/// What [`rebuild`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rebuilt {
    /// The ids that have an entry again, sorted.
    pub restored: Vec<String>,
    /// The ids that had one, which was left as it is, sorted.
    pub kept: Vec<String>,
    /// The artifacts that got none, and why.
    pub rejected: Vec<(PathBuf, String)>,
}

/// Makes the entries of managed models again from what lies below a root: each artifact whose files
/// are all there and have the digests that its manifest states is registered as Active under the id
/// it was staged for, unless there is an entry of that id. Of several artifacts of one id the one
/// published last is taken.
///
/// For a root whose index was lost with its generation before; [`recover`](crate::recover) comes
/// first if it is damaged. All bytes are hashed.
///
/// # Errors
///
/// [`IndexDamaged`](crate::CatalogError::IndexDamaged), and what writing fails with.
pub fn rebuild(root: impl AsRef<Path>) -> Result<Rebuilt> {
    let catalog = FsCatalog::new(root)?;
    let artifacts = catalog.artifacts();
    let mut report = Rebuilt::default();
    let mut newest: BTreeMap<String, (u64, CatalogEntry, PathBuf)> = BTreeMap::new();
    for key in artifacts.keys()? {
        let folder = artifacts.layout().artifact(&key);
        let mut reject = |why: String| report.rejected.push((folder.path().to_path_buf(), why));
        let manifest = match artifacts.manifest(&key) {
            Ok(manifest) => manifest,
            Err(error) => {
                reject(error.to_string());
                continue;
            }
        };
        let (files, missing) = catalog.files_of(&key, &manifest)?;
        if !missing.is_empty() {
            reject(format!("{} missing", missing.join(", ")));
            continue;
        }
        let contents = match hash_files(&files, &mut |_| Ok(())) {
            Ok(contents) => contents,
            Err(error) => {
                reject(error.to_string());
                continue;
            }
        };
        let pairs = contents.iter().zip(&manifest.files);
        let mut wrong = pairs.filter(|(content, file)| content.digest() != file.digest);
        if let Some((content, file)) = wrong.next() {
            let actual = content.digest();
            reject(format!("{} has {actual}, not {}", file.name, file.digest));
            continue;
        }
        let entry = CatalogEntry {
            id: manifest.id.clone(),
            local_path: artifacts.path_of(&key, &manifest),
            lifecycle: LifecycleState::Active,
            digest: Some(manifest.digest.clone()),
            last_verified_ms: Some(now_ms()),
        };
        let found = (manifest.published_ms, entry, folder.path().to_path_buf());
        match newest.get(&manifest.id) {
            Some((published_ms, ..)) if *published_ms >= manifest.published_ms => {
                reject("a later one of its id is there".to_owned());
            }
            _ => {
                if let Some((_, _, older)) = newest.insert(manifest.id, found) {
                    let why = "a later one of its id is there".to_owned();
                    report.rejected.push((older, why));
                }
            }
        }
    }
    catalog.update(|edit| {
        for (id, (_, entry, _)) in &newest {
            if edit.get(id).is_some() {
                report.kept.push(id.clone());
            } else {
                edit.put(entry)?;
                report.restored.push(id.clone());
            }
        }
        Ok(())
    })?;
    Ok(report)
}
