use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use super::completeness::missing_files;
use super::content_check::{ContentCheck, ContentWarning};
use super::problem::Problem;
use super::wrong::{BEGIN, UNFINISHED, is_a_part, recognise_page, recognise_pointer};
use super::{gguf, safetensors};
use crate::error::{CatalogError, Result};
use crate::root::{FoundFile, MAX_DEPTH, list_folder};

/// Checks the content of a model. Logs a warning for content that is not recognised, and returns
/// the warnings. A file that looks like the page of a server is accepted if `is_proven` returns true
/// for it. An error of `check` ends the reading.
///
/// Reads headers as streams, with less than 64 MiB of memory.
///
/// # Errors
///
/// [`CatalogError::FormatRefused`] if the content is refused, [`CatalogError::ArtifactIncomplete`]
/// if a file is missing, [`CatalogError::Io`] if a file cannot be read, and the error of `check`.
pub(in crate::artifacts) fn check_content(
    how: ContentCheck,
    folder: &Path,
    files: &[FoundFile],
    is_proven: &dyn Fn(&FoundFile) -> bool,
    check: &dyn Fn() -> Result<()>,
) -> Result<Vec<ContentWarning>> {
    let mut warnings = Vec::new();
    if how == ContentCheck::Skip {
        return Ok(warnings);
    }
    for file in files {
        check()?;
        check_file(file, is_proven, check, &mut warnings)?;
    }
    let names: BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
    let missing = missing_files(folder, &names, check, &mut warnings)?;
    if !missing.is_empty() {
        return Err(CatalogError::ArtifactIncomplete {
            path: folder.to_path_buf(),
            missing,
        });
    }
    match warnings.first() {
        Some(first) if how == ContentCheck::RefuseUnrecognised => {
            Err(CatalogError::FormatRefused {
                path: first.path.clone(),
                format: "model",
                problem: first.reason.clone(),
            })
        }
        _ => {
            for ContentWarning { path, reason } in &warnings {
                tracing::warn!(path = %path.display(), reason, "the content of a model is unusual");
            }
            Ok(warnings)
        }
    }
}

/// Refuses a folder that has unfinished files of the downloader of the hub.
pub(in crate::artifacts) fn check_download(folder: &Path) -> Result<()> {
    let mut folders = vec![(folder.join(".cache/huggingface/download"), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let listed = match list_folder(&folder) {
            // Files of the downloader that another account owns do not matter: this account can
            // read the model.
            Err(CatalogError::PermissionDenied { .. }) => Vec::new(),
            listed => listed?,
        };
        for (path, kind) in listed {
            if kind.is_dir() && depth < MAX_DEPTH {
                folders.push((path, depth + 1));
            } else if path
                .extension()
                .is_some_and(|ending| ending == "incomplete")
            {
                return Err(CatalogError::FormatRefused {
                    path,
                    format: "model",
                    problem: UNFINISHED.to_owned(),
                });
            }
        }
    }
    Ok(())
}

fn check_file(
    found: &FoundFile,
    is_proven: &dyn Fn(&FoundFile) -> bool,
    check: &dyn Fn() -> Result<()>,
    warnings: &mut Vec<ContentWarning>,
) -> Result<()> {
    let path = &found.path;
    let extension = Path::new(&found.name).extension();
    let extension = extension.and_then(|extension| extension.to_str());
    let format = match extension.unwrap_or_default().to_ascii_lowercase().as_str() {
        "gguf" => "GGUF",
        "safetensors" => "safetensors",
        _ => "model",
    };
    let refuse = |problem: Problem| CatalogError::FormatRefused {
        path: path.clone(),
        format,
        problem,
    };
    if let Some(problem) = is_a_part(&found.name) {
        return Err(refuse(problem.to_owned()));
    }
    let failed = |action| move |error| CatalogError::io(action, path, error);
    let mut file = File::open(path).map_err(failed("open"))?;
    let mut begin = Vec::new();
    Read::by_ref(&mut file)
        .take(BEGIN as u64)
        .read_to_end(&mut begin)
        .map_err(failed("read"))?;
    let size = found.stamp.size();
    let page = || recognise_page(&found.name, &begin, size).filter(|_| !is_proven(found));
    if let Some(problem) = recognise_pointer(&begin).or_else(page) {
        return Err(refuse(problem.to_owned()));
    }
    file.rewind().map_err(failed("read"))?;
    let mut file = BufReader::with_capacity(64 << 10, file);
    let notes = match format {
        "GGUF" => gguf::check(&mut file, size, check)?,
        "safetensors" => safetensors::check(&mut file, size, check)?,
        _ => Ok(Vec::new()),
    };
    let notes = notes.map_err(refuse)?.into_iter();
    warnings.extend(notes.map(|reason| ContentWarning {
        path: path.clone(),
        reason,
    }));
    Ok(())
}
