use std::fs;
use std::path::Path;

use super::formats::{Shard, Split};
use crate::error::{CatalogError, Result};
use crate::root::{FileStamp, FoundFile, is_absence};

/// Finds all shards of a set. `named` is the shard that the caller knows already.
pub(super) fn find_shards(shard: Shard<'_>, named: FoundFile) -> Result<Vec<FoundFile>> {
    let mut files = Vec::new();
    let mut missing = Vec::new();
    for name in shard.set() {
        if name == named.name {
            files.push(named.clone());
            continue;
        }
        let path = named.path.with_file_name(&name);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                let stamp = FileStamp::of(&metadata);
                files.push(FoundFile { name, path, stamp });
            }
            Ok(_) => missing.push(name),
            Err(error) if is_absence(&error) => missing.push(name),
            Err(error) => return Err(CatalogError::io("look at", path, error)),
        }
    }
    match missing.is_empty() {
        true => Ok(files),
        false => Err(CatalogError::ArtifactIncomplete {
            path: folder_of(&named.path).to_path_buf(),
            missing,
        }),
    }
}

/// Returns true if a header does not contradict the number and the count in the name of its file.
pub(super) fn is_own_shard(name: &str, split: Split) -> bool {
    let Some(shard) = Shard::parse(name) else {
        return false;
    };
    let is_same = |stated: Option<u64>, named: u32| stated.is_none_or(|n| n == u64::from(named));
    is_same(split.number, shard.number() - 1) && is_same(split.count, shard.count())
}

/// Returns the folder of a file.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
