use std::fs;
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use crate::digest::is_of_a_model;
use crate::error::Result;
use crate::root::{MAX_DEPTH, list_folder};

/// An unexpected file in the folder of a model: it is not part of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnexpectedFile {
    /// Its name relative to the folder, as text for people.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// Lists the files, links and special files in the folder of an artifact whose names are not in its
/// manifest. A program that uses the folder would find them. Follows no link and opens no file.
pub(crate) fn unexpected_files(files: &Path, manifest: &Manifest) -> Result<Vec<UnexpectedFile>> {
    let mut unexpected_files = Vec::new();
    let is_folder = fs::symlink_metadata(files).is_ok_and(|found| found.is_dir());
    let mut folders: Vec<(PathBuf, usize)> = is_folder
        .then(|| (files.to_path_buf(), 0))
        .into_iter()
        .collect();
    while let Some((folder, depth)) = folders.pop() {
        for (path, kind) in list_folder(&folder)? {
            if kind.is_dir() && depth < MAX_DEPTH {
                folders.push((path, depth + 1));
                continue;
            }
            let name = path.strip_prefix(files).unwrap_or(&path);
            let name = name.to_string_lossy().into_owned();
            // A desktop may add files of its own, such as those of macOS. They are not reported.
            if !is_of_a_model(&name) && !kind.is_dir() {
                continue;
            }
            let is_listed = !kind.is_dir() && manifest.files.iter().any(|file| file.name == name);
            if !is_listed {
                unexpected_files.push(UnexpectedFile { name, path });
            }
        }
    }
    Ok(unexpected_files)
}
