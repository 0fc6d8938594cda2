use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

use super::bounded::Bounded;
use super::content_check::ContentWarning;
use super::shards::Shard;
use crate::error::{CatalogError, Result};
use crate::reference::check_file_name;

/// The maximum number of files that an index of shards may name. No real index names as many.
const MAX_FILES: usize = 1 << 16;

/// The extensions of files that hold weights.
const WEIGHTS: [&str; 9] = [
    "safetensors",
    "gguf",
    "bin",
    "pt",
    "pth",
    "ckpt",
    "h5",
    "onnx",
    "msgpack",
];

/// Returns the missing files of a folder: the other shards of each set, and the files that an index
/// of shards (`*.index.json`, `*.index.VARIANT.json`) names. If none of the files of an index
/// exists but the folder has other weights, the index is probably a leftover. Then its files are
/// not missing, and a warning is added.
///
/// # Errors
///
/// [`CatalogError::FormatRefused`] if an index names a file outside of its folder,
/// [`CatalogError::Io`] if an index cannot be read, and the error of `check`.
pub(super) fn missing_files(
    folder: &Path,
    names: &BTreeSet<&str>,
    check: &dyn Fn() -> Result<()>,
    warnings: &mut Vec<ContentWarning>,
) -> Result<Vec<String>> {
    let mut needed: BTreeSet<String> = BTreeSet::new();
    for name in names {
        if let Some(shard) = Shard::parse(name) {
            needed.extend(shard.set());
        }
        if !is_index(name) {
            continue;
        }
        let path = folder.join(name);
        let named = named_by(&path, name, check)?;
        let is_any_here = named.iter().any(|file| names.contains(file.as_str()));
        if is_any_here || !names.iter().any(|name| has_weights(name)) {
            needed.extend(named);
        } else if !named.is_empty() {
            warnings.push(ContentWarning {
                path,
                reason: "none of the files that it names exists: it may be a leftover".to_owned(),
            });
        }
    }
    let missing = needed.into_iter();
    Ok(missing
        .filter(|name| !names.contains(name.as_str()))
        .collect())
}

fn has_weights(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    ending.is_some_and(|ending| WEIGHTS.contains(&ending.to_ascii_lowercase().as_str()))
}

/// Returns true if a file has the name of an index of shards.
fn is_index(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.strip_suffix(".json").is_some_and(|stem| {
        stem.ends_with(".index")
            || stem
                .rsplit_once('.')
                .is_some_and(|(rest, variant)| rest.ends_with(".index") && !variant.is_empty())
    })
}

/// Returns the files that an index of shards names, relative to the folder of the model. A file
/// that is not an index of shards names no files.
fn named_by(path: &Path, name: &str, check: &dyn Fn() -> Result<()>) -> Result<Vec<String>> {
    let file = File::open(path).map_err(|error| CatalogError::io("open", path, error))?;
    let mut bounded = Bounded::new(BufReader::new(file), check);
    let read = serde_json::Deserializer::from_reader(&mut bounded).deserialize_map(Index);
    if let Some(error) = bounded.ended {
        return Err(error);
    }
    let files = match read {
        Ok(files) => files,
        Err(error) if error.is_io() && error.io_error_kind() != Some(io::ErrorKind::Other) => {
            return Err(CatalogError::io("read", path, error.into()));
        }
        Err(_) => return Ok(Vec::new()),
    };
    let folder = name.rsplit_once('/').map(|(folder, _)| folder);
    files
        .into_iter()
        .map(|file| match check_file_name(&file) {
            Ok(()) => Ok(folder.map_or(file.clone(), |folder| format!("{folder}/{file}"))),
            Err(problem) => Err(CatalogError::FormatRefused {
                path: path.to_path_buf(),
                format: "index of shards",
                problem: format!("it names {file:?}: {problem}"),
            }),
        })
        .collect()
}

/// Parses an index of shards: an object whose `weight_map` maps each tensor to its file.
struct Index;

impl<'de> Visitor<'de> for Index {
    type Value = BTreeSet<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an index of shards")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut files = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "weight_map" => files = map.next_value::<Files>()?.0,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(files)
    }
}

/// The distinct values of a `weight_map`.
struct Files(BTreeSet<String>);

impl<'de> serde::Deserialize<'de> for Files {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Values;

        impl<'de> Visitor<'de> for Values {
            type Value = BTreeSet<String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the file of each tensor")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut files = BTreeSet::new();
                while let Some((_, file)) = map.next_entry::<IgnoredAny, String>()? {
                    files.insert(file);
                    if files.len() > MAX_FILES {
                        return Err(serde::de::Error::custom("it names too many files"));
                    }
                }
                Ok(files)
            }
        }

        deserializer.deserialize_map(Values).map(Self)
    }
}
