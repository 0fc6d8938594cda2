use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::shards::Shard;
use crate::error::{CatalogError, Result};
use crate::reference::check_file_name;

/// The largest index of shards that is read: a hundred times those of the largest models.
const MAX_INDEX: u64 = 256 << 20;

/// What an index of shards says: the file of each tensor.
#[derive(Deserialize)]
struct ShardIndex {
    #[serde(default)]
    weight_map: BTreeMap<String, String>,
}

/// The files that must be beside those that are in `folder`, and are not: the other shards of each
/// set, and whatever an index of shards (`*.index.json`) names.
///
/// # Errors
///
/// [`CatalogError::FormatRefused`] for an index that is none or names a place elsewhere.
pub(in crate::artifacts) fn missing_files(
    folder: &Path,
    names: &BTreeSet<&str>,
) -> Result<Vec<String>> {
    let mut needed: BTreeSet<String> = BTreeSet::new();
    for name in names {
        if let Some(shard) = Shard::parse(name) {
            needed.extend(shard.set());
        }
        if name.ends_with(".index.json") {
            needed.extend(named_by(&folder.join(name), name)?);
        }
    }
    Ok(needed
        .into_iter()
        .filter(|name| !names.contains(name.as_str()))
        .collect())
}

/// The files that an index of shards names, relative to the folder of the model.
fn named_by(path: &Path, name: &str) -> Result<Vec<String>> {
    let refuse = |problem| CatalogError::FormatRefused {
        path: path.to_path_buf(),
        format: "index of shards",
        problem,
    };
    let mut text = Vec::new();
    let file = File::open(path).map_err(|error| CatalogError::io("open", path, error))?;
    file.take(MAX_INDEX)
        .read_to_end(&mut text)
        .map_err(|error| CatalogError::io("read", path, error))?;
    let index: ShardIndex =
        serde_json::from_slice(&text).map_err(|error| refuse(error.to_string()))?;
    let folder = name.rsplit_once('/').map(|(folder, _)| folder);
    let files: BTreeSet<String> = index.weight_map.into_values().collect();
    files
        .into_iter()
        .map(|file| match check_file_name(&file) {
            Ok(()) => Ok(folder.map_or(file.clone(), |folder| format!("{folder}/{file}"))),
            Err(problem) => Err(refuse(format!("it names {file:?}: {problem}"))),
        })
        .collect()
}
