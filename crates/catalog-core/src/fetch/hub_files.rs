use std::collections::BTreeSet;

use super::quantisation::{files_of, projector_of};
use super::task::{FetchTask, TaskFiles};
use crate::artifacts::{EntryPoint, LocalModel};
use crate::error::{CatalogError, FetchProblem, Result};
use crate::reference::{HfParts, check_file_name};

/// The files of a repository of the hub that a [`FetchTask`] asks for, chosen from a listing of the
/// repository.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HubFiles {
    /// The files, in the order of the listing.
    pub files: Vec<HubFile>,
    /// The path of the model that users get.
    pub entry_point: EntryPoint,
}

/// A file of a repository, and its place in the model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct HubFile {
    /// The path in the repository.
    pub path: String,
    /// The name in the model. In a model that is a folder of the repository, it is relative to the
    /// folder. A companion is beside the model.
    pub name: String,
    /// Whether the file is a companion of the model, such as a projector.
    pub is_companion: bool,
}

impl HubFile {
    fn of_model(path: &str, name: &str) -> Self {
        Self {
            path: path.to_owned(),
            name: name.to_owned(),
            is_companion: false,
        }
    }
}

impl HubFiles {
    /// Chooses the files of a task from the paths of all files of a repository.
    ///
    /// A reference without a path and a tag names all files. A path names a file, all shards of its
    /// set, or all files below a folder. A tag names the `.gguf` model of a quantisation, and its
    /// projector as a companion. The [patterns](FetchTask::patterns) and the
    /// [files](FetchTask::files) of the task choose some of these by their names in the model.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Fetch`] with [`FileNotFound`](FetchProblem::FileNotFound) if the repository
    /// lacks a file, with [`Refused`](FetchProblem::Refused) if the patterns leave out a part of a
    /// single model; [`CatalogError::NameRefused`] if a name leads out of the folder of the model, or
    /// if two files have one name; [`CatalogError::NoFetcher`] if the reference is not one of the hub.
    pub fn choose(task: &FetchTask<'_>, listing: &[&str]) -> Result<Self> {
        let mr = task.model_ref;
        let not_found =
            |detail: String| CatalogError::fetch(mr, FetchProblem::FileNotFound, detail);
        let parts = mr.as_hf().ok_or_else(|| {
            CatalogError::no_fetcher(mr, "add a fetcher that serves this scheme to the router")
        })?;
        let mut named = Named::of(&parts, listing).map_err(|detail| match parts.quantisation {
            None => not_found(detail),
            Some(_) => CatalogError::Fetch {
                reference: mr.to_string(),
                problem: FetchProblem::FileNotFound,
                detail,
                repair: "check the tag after `:`".into(),
            },
        })?;
        let is_left_out = |file: &HubFile| !task.wants(&file.name);
        if named.is_single
            && let Some(file) = named
                .files
                .iter()
                .find(|file| !file.is_companion && is_left_out(file))
        {
            let detail = format!(
                "the patterns leave out {:?}, and the reference names this file",
                file.path
            );
            return Err(CatalogError::Fetch {
                reference: mr.to_string(),
                problem: FetchProblem::Refused,
                detail,
                repair: "remove the patterns, or leave out only companions, such as *mmproj*"
                    .into(),
            });
        }
        // Files of earlier requests do not hide a pattern that is misspelled.
        let is_asked =
            |file: &HubFile| task.patterns.last().is_none_or(|last| last.has(&file.name));
        let is_none_asked = !named.files.iter().any(is_asked);
        named.files.retain(|file| task.wants(&file.name));
        if is_none_asked {
            let detail = match task.patterns {
                [] => "the repository has no file of a model".to_owned(),
                [.., last] => format!("no file matches the patterns {last}"),
            };
            return Err(CatalogError::Fetch {
                reference: mr.to_string(),
                problem: FetchProblem::FileNotFound,
                detail,
                repair: "check the patterns; upper and lower case differ, and a folder ends with /"
                    .into(),
            });
        }
        check_names(&named.files)?;
        if let TaskFiles::Only(names) | TaskFiles::OnlyInFolder(names) = task.files {
            let is_there = |name: &&String| named.files.iter().any(|file| file.name == **name);
            if let Some(name) = names.iter().find(|name| !is_there(name)) {
                return Err(not_found(format!("the repository has no file {name:?}")));
            }
            named.files.retain(|file| task.files.has(&file.name));
        }
        Ok(Self {
            files: named.files,
            entry_point: named.entry_point,
        })
    }
}

/// Refuses names that lead out of a folder, and two files with one name.
fn check_names(files: &[HubFile]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for file in files {
        for name in [&file.path, &file.name] {
            let refuse = |problem| CatalogError::NameRefused {
                name: name.clone(),
                problem,
            };
            check_file_name(name).map_err(refuse)?;
        }
        if !seen.insert(&file.name) {
            return Err(CatalogError::NameRefused {
                name: file.name.clone(),
                problem: "the source lists two files of this name".to_owned(),
            });
        }
    }
    for file in files {
        let mut folders = file.name.match_indices('/').map(|(at, _)| &file.name[..at]);
        if let Some(folder) = folders.find(|folder| seen.contains(&(*folder).to_owned())) {
            return Err(CatalogError::NameRefused {
                name: folder.to_owned(),
                problem: "the source lists a file and a folder of this name".to_owned(),
            });
        }
    }
    Ok(())
}

/// The files that a reference names.
struct Named {
    files: Vec<HubFile>,
    entry_point: EntryPoint,
    /// Whether the reference names one file or one set of shards.
    is_single: bool,
}

impl Named {
    fn of(parts: &HfParts<'_>, listing: &[&str]) -> Result<Self, String> {
        let listing: Vec<&str> = listing
            .iter()
            .copied()
            .filter(|path| LocalModel::has_file(path))
            .collect();
        match (parts.quantisation, parts.path) {
            (Some(tag), _) => {
                let mut single = Self::single(files_of(tag, &listing)?, &listing)?;
                let model = single.files[0].path.clone();
                if let Some(path) = projector_of(&model, &listing) {
                    let folder = model.rsplit_once('/').map(|(folder, _)| folder);
                    let name = path.rsplit('/').next().unwrap_or(path);
                    single.files.push(HubFile {
                        path: path.to_owned(),
                        name: folder.map_or(name.to_owned(), |folder| format!("{folder}/{name}")),
                        is_companion: true,
                    });
                }
                Ok(single)
            }
            (None, None) => Ok(Self {
                files: listing
                    .iter()
                    .map(|path| HubFile::of_model(path, path))
                    .collect(),
                entry_point: EntryPoint::Folder,
                is_single: false,
            }),
            (None, Some(path)) if listing.contains(&path) => {
                let set = LocalModel::shard_names(path);
                Self::single(set.unwrap_or_else(|| vec![path.to_owned()]), &listing)
            }
            (None, Some(path)) => {
                let below = listing.iter().filter_map(|inner| {
                    let name = inner.strip_prefix(path)?.strip_prefix('/')?;
                    Some(HubFile::of_model(inner, name))
                });
                let files: Vec<HubFile> = below.collect();
                match files.is_empty() {
                    true => Err(format!(
                        "the repository has no file {path:?}, and no folder of that name with files of a \
                         model"
                    )),
                    false => Ok(Self {
                        files,
                        entry_point: EntryPoint::Folder,
                        is_single: false,
                    }),
                }
            }
        }
    }

    /// Returns one file, or one set of shards. All of them must be listed.
    fn single(files: Vec<String>, listing: &[&str]) -> Result<Self, String> {
        let listed: BTreeSet<&str> = listing.iter().copied().collect();
        if let Some(missing) = files.iter().find(|file| !listed.contains(file.as_str())) {
            return Err(format!(
                "the repository lacks {missing:?} of the set of shards"
            ));
        }
        Ok(Self {
            entry_point: EntryPoint::File(files[0].clone()),
            files: files
                .iter()
                .map(|file| HubFile::of_model(file, file))
                .collect(),
            is_single: true,
        })
    }
}
