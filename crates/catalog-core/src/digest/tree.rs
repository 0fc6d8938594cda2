use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::algorithm::DigestAlgorithm;
use super::hash::{HashProgress, read_whole};
use super::value::Digest;
use crate::disk::list_files;
use crate::error::{CatalogError, Result};

/// Keeps a tree digest apart from every other use of SHA-256, and this encoding from later ones.
const DOMAIN: &[u8] = b"model-tree/sha256/v1\0";

/// What version control and the hub's downloader keep inside a folder that they brought; it
/// differs from host to host and no engine reads it.
const NOT_THE_MODEL: [&str; 2] = [".git", ".cache/huggingface"];

/// Computes the tree digest as documented on [`Digest::of_tree`].
pub(super) fn hash_tree(folder: &Path, progress: &mut dyn FnMut(HashProgress)) -> Result<Digest> {
    let files = list_files(folder, &NOT_THE_MODEL)?;
    let total = files
        .iter()
        .fold(0_u64, |total, file| total.saturating_add(file.stamp.size()));
    let mut done = 0;
    let mut tree = Sha256::new();
    tree.update(DOMAIN);
    tree.update((files.len() as u64).to_be_bytes());
    for file in &files {
        let mut content = Sha256::new();
        let size = read_whole(&file.path, &mut |bytes, _| {
            content.update(bytes);
            done += bytes.len() as u64;
            progress(HashProgress { done, total });
        })?;
        if size != file.stamp.size() {
            return Err(CatalogError::ArtifactChanged {
                path: file.path.clone(),
            });
        }
        tree.update((file.name.len() as u64).to_be_bytes());
        tree.update(file.name.as_bytes());
        tree.update(size.to_be_bytes());
        tree.update(content.finalize());
    }
    if files.is_empty() {
        progress(HashProgress { done, total });
    }
    // Again, to see that no file was changed, added or taken away after it was read.
    let now = list_files(folder, &NOT_THE_MODEL)?;
    let is_same = now.len() == files.len() && now.iter().zip(&files).all(|(a, b)| a.is_same(b));
    if !is_same {
        return Err(CatalogError::ArtifactChanged {
            path: folder.to_path_buf(),
        });
    }
    Ok(Digest::from_bytes(
        DigestAlgorithm::Sha256Tree,
        &tree.finalize(),
    ))
}
