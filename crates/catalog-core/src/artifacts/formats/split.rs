use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::gguf::{self, Split};
use crate::error::{CatalogError, Result};

/// Reads the place of a shard in its set from the header of a GGUF file. Returns an empty place if
/// the header cannot be read.
///
/// # Errors
///
/// [`CatalogError::Io`] if the file cannot be opened.
pub(in crate::artifacts) fn split_of(path: &Path, size: u64) -> Result<Split> {
    let file = File::open(path).map_err(|error| CatalogError::io("open", path, error))?;
    Ok(gguf::split(&mut BufReader::new(file), size).unwrap_or_default())
}
