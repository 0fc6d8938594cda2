use std::path::Path;

use crate::artifacts::Manifest;
use crate::error::{CatalogError, Result};
use crate::root::{FileStamp, FoundFile, Layout};
use crate::state::{ModelRecord, RootState};

/// Returns the key and the manifest of the artifact of a record, if the record names the whole
/// artifact. A record can also name a single file of an artifact; then `None` is returned.
pub(super) fn managed(
    state: &RootState,
    record: &ModelRecord,
    path: &Path,
) -> Result<Option<(String, Manifest)>> {
    let Some(key) = Layout::key_of(Path::new(&record.local_path)) else {
        return Ok(None);
    };
    let manifest = state.artifacts.manifest(key)?;
    let is_all = state.artifacts.path_of(key, &manifest) == *path;
    Ok(is_all.then(|| (key.to_owned(), manifest)))
}

/// Returns the files of a managed model that exist, and the names of the files that are missing.
pub(super) fn files_of(
    state: &RootState,
    key: &str,
    manifest: &Manifest,
) -> Result<(Vec<FoundFile>, Vec<String>)> {
    let artifacts = &state.artifacts;
    let (mut files, mut missing) = (Vec::new(), Vec::new());
    for file in &manifest.files {
        let path = artifacts.file_of(key, file);
        match std::fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() && artifacts.is_straight(&path)? => {
                files.push(FoundFile {
                    name: file.name.clone(),
                    stamp: FileStamp::of(&metadata),
                    path,
                })
            }
            Ok(_) => missing.push(file.name.clone()),
            Err(error) if crate::root::is_absence(&error) => missing.push(file.name.clone()),
            Err(error) => return Err(CatalogError::io("look at", path, error)),
        }
    }
    Ok((files, missing))
}
