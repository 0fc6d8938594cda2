use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{CatalogError, Result};

/// A regular file found below a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundFile {
    /// Relative to the folder, parts joined by `/`.
    pub(crate) name: String,
    /// Where to open it.
    pub(crate) path: PathBuf,
    /// Its size in bytes, behind links.
    pub(crate) size: u64,
}

/// Lists the files below a folder, sorted by the bytes of their names, without those below the
/// `skipped` names.
///
/// A link to a file counts as that file under the link's name; a link to a folder, a dangling
/// link, a socket or device and a name that is not UTF-8 are errors, as no copy of the folder
/// could stand for them.
pub(crate) fn list_files(folder: &Path, skipped: &[&str]) -> Result<Vec<FoundFile>> {
    let mut found = Vec::new();
    let mut folders = vec![(String::new(), folder.to_path_buf())];
    while let Some((prefix, folder)) = folders.pop() {
        let entries = fs::read_dir(&folder)
            .map_err(|error| CatalogError::io("read folder", &folder, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| CatalogError::io("read folder", &folder, error))?;
            let path = entry.path();
            let unusable = |found| CatalogError::ArtifactUnusable {
                path: path.clone(),
                found,
            };
            let name = match entry.file_name().to_str() {
                Some(name) => format!("{prefix}{name}"),
                None => return Err(unusable("a name that is not UTF-8")),
            };
            if skipped.contains(&name.as_str()) {
                continue;
            }
            let kind = entry
                .file_type()
                .map_err(|error| CatalogError::io("look at", &path, error))?;
            if kind.is_dir() {
                folders.push((format!("{name}/"), path));
                continue;
            }
            let metadata = match fs::metadata(&path) {
                Ok(metadata) => metadata,
                Err(_) if kind.is_symlink() => {
                    return Err(unusable("a symbolic link that leads to nothing readable"));
                }
                Err(error) => return Err(CatalogError::io("look at", &path, error)),
            };
            if metadata.is_dir() {
                return Err(unusable("a symbolic link to a folder"));
            }
            if !metadata.is_file() {
                return Err(unusable("a socket, pipe or device"));
            }
            let size = metadata.len();
            found.push(FoundFile { name, path, size });
        }
    }
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}
