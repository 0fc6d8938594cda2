use crate::progress::Progress;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::files::{FileContent, hash_files};
use super::not_the_model::is_of_a_model;
use crate::error::{CatalogError, Result};
use crate::root::{Links, list_files};

/// The prefix of the hashed bytes. It separates tree digests from all other uses of SHA-256, and
/// this encoding from later encodings.
const DOMAIN: &[u8] = b"model-tree/sha256/v1\0";

/// Computes the value of a tree digest as documented on [`Digest::of_tree`](crate::Digest::of_tree).
pub(super) fn hash_tree(
    folder: &Path,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<[u8; 32]> {
    hash_files_of(folder, is_of_a_model, progress)
}

/// Computes the value of a tree digest by the rules of the first edition, which excluded only
/// `.git` and `.cache/huggingface` at the top. Returns `None` if both sets of rules count the same
/// files.
pub(super) fn hash_tree_of_first_edition(
    folder: &Path,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<Option<[u8; 32]>> {
    let counted = list_files(folder, counted_by_first_edition, Links::Follow)?;
    if counted.iter().all(|file| is_of_a_model(&file.name)) {
        return Ok(None);
    }
    hash_files_of(folder, counted_by_first_edition, progress).map(Some)
}

/// Returns true if the tree digests of the first edition counted a file of this name.
pub(crate) fn counted_by_first_edition(name: &str) -> bool {
    name != ".git" && name != ".cache/huggingface"
}

fn hash_files_of(
    folder: &Path,
    is_counted: fn(&str) -> bool,
    progress: &mut dyn FnMut(Progress) -> Result<()>,
) -> Result<[u8; 32]> {
    let files = list_files(folder, is_counted, Links::Follow)?;
    let contents = hash_files(&files, progress)?;
    if files.is_empty() {
        progress(Progress::of(0, 0))?;
    }
    // List the folder again: no file may have been changed, added or removed after it was read.
    let now = list_files(folder, is_counted, Links::Follow)?;
    let is_same = now.len() == files.len() && now.iter().zip(&files).all(|(a, b)| a.is_same(b));
    if !is_same {
        return Err(CatalogError::ArtifactChanged {
            path: folder.to_path_buf(),
        });
    }
    Ok(hash_contents(&contents))
}

/// Computes the value of the tree digest of files that are sorted by the bytes of their names.
pub(super) fn hash_contents(files: &[FileContent]) -> [u8; 32] {
    let mut tree = Sha256::new();
    tree.update(DOMAIN);
    tree.update((files.len() as u64).to_be_bytes());
    for file in files {
        tree.update((file.name.len() as u64).to_be_bytes());
        tree.update(file.name.as_bytes());
        tree.update(file.size.to_be_bytes());
        tree.update(file.sha256);
    }
    tree.finalize().into()
}
