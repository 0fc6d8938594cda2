use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::gguf::Split;
use super::{gguf, safetensors};
use crate::error::{CatalogError, Result};

/// Checks the header of a file whose name says that it has one.
///
/// # Errors
///
/// [`CatalogError::FormatRefused`] for a file that is not what its name says.
pub(in crate::artifacts) fn check_header(path: &Path, size: u64) -> Result<()> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let extension = extension.unwrap_or_default().to_ascii_lowercase();
    let format = match extension.as_str() {
        "gguf" => "GGUF",
        "safetensors" => "safetensors",
        _ => return Ok(()),
    };
    let file = File::open(path).map_err(|error| CatalogError::io("open", path, error))?;
    let mut file = BufReader::new(file);
    let checked = match format {
        "GGUF" => gguf::check(&mut file, size),
        _ => safetensors::check(&mut file, size),
    };
    checked.map_err(|problem| CatalogError::FormatRefused {
        path: path.to_path_buf(),
        format,
        problem,
    })
}

/// Reads the place of a shard in its set from the header of a GGUF file. A header that cannot be
/// read states none.
///
/// # Errors
///
/// [`CatalogError::Io`] if the file cannot be opened.
pub(in crate::artifacts) fn split_of(path: &Path, size: u64) -> Result<Split> {
    let file = File::open(path).map_err(|error| CatalogError::io("open", path, error))?;
    Ok(gguf::split(&mut BufReader::new(file), size).unwrap_or_default())
}
