use std::collections::{BTreeMap, BTreeSet};

use catalog_core::fetching::HubFiles;
use catalog_core::{
    Digest, EntryPoint, FetchTask, HfParts, LocalModel, Manifest, Staging, TaskFiles,
};

use super::process::Tick;

/// The maximum size of the file names in the arguments of one run, in bytes, with [`EXTRA_PER_NAME`] for each name.
/// Systems allow 1 MiB or more for all arguments and the environment.
const MAX_RUN_BYTES: usize = 256 << 10;

/// The bytes that an argument needs in addition to its name: its terminating zero, its pointer, and the brackets
/// that `literal` adds.
const EXTRA_PER_NAME: usize = 32;

/// The files of a repository that a task asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    /// All files of the repository.
    All,
    /// These files.
    Files(Vec<String>),
    /// All files below this folder, which is the model.
    Folder(String),
    /// These files of a folder, which is the model. The names are those in the repository.
    FilesOf(String, Vec<String>),
    /// These files of a listing, chosen by the tag of a quantisation or by patterns.
    Chosen(HubFiles),
}

/// A file in the listing of the hub.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Listed {
    pub(super) path: String,
    #[serde(default)]
    pub(super) size: u64,
}

impl Selection {
    /// Returns the selection of a task. The path of the reference is taken to be a file until
    /// [`looked_up`](Self::looked_up) finds a folder. The error states the refused name and the
    /// reason.
    pub(super) fn of(task: &FetchTask<'_>, parts: &HfParts<'_>) -> Result<Self, String> {
        let selection = match (task.files, parts.path) {
            (TaskFiles::OnlyInFolder(names), Some(folder)) => {
                let names = names.iter().map(|name| format!("{folder}/{name}"));
                Self::FilesOf(folder.to_owned(), names.collect())
            }
            (TaskFiles::Only(names) | TaskFiles::OnlyInFolder(names), _) => {
                Self::Files(names.iter().cloned().collect())
            }
            (_, None) => Self::All,
            (_, Some(path)) => match LocalModel::shard_names(path) {
                Some(set) => Self::Files(set),
                None => Self::Files(vec![path.to_owned()]),
            },
        };
        Ok(selection)
    }

    /// Returns the names of the companions of the model.
    pub(super) fn companions(&self) -> BTreeSet<String> {
        let Self::Chosen(chosen) = self else {
            return BTreeSet::new();
        };
        let companions = chosen.files.iter().filter(|file| file.is_companion);
        companions.map(|file| file.name.clone()).collect()
    }

    /// Returns true if no file must be downloaded.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Chosen(chosen) if chosen.files.is_empty())
    }

    /// Takes the files of the present artifact that the task extends out of the selection, and adds
    /// them to the staging area from the store. Returns their digests, by name.
    pub(super) fn take_present(
        &mut self,
        task: &FetchTask<'_>,
        staging: &mut Staging,
        tick: &mut Tick<'_>,
    ) -> catalog_core::Result<BTreeMap<String, Digest>> {
        let mut taken = BTreeMap::new();
        let is_same = |present: &&Manifest| {
            task.revision.is_some() && present.revision.as_deref() == task.revision
        };
        let (Self::Chosen(chosen), Some(present)) = (self, task.present.filter(is_same)) else {
            return Ok(taken);
        };
        for file in &present.files {
            if chosen.files.iter().any(|one| one.name == file.name)
                && staging
                    .reuse(&file.name, &file.digest, &mut |_| tick())?
                    .is_some()
            {
                taken.insert(file.name.clone(), file.digest.clone());
            }
        }
        chosen.files.retain(|file| !taken.contains_key(&file.name));
        Ok(taken)
    }

    /// Returns an error for a name that the command cannot take.
    pub(super) fn check_names(&self) -> Result<(), String> {
        let refused = self.names().into_iter().find_map(|name| {
            if name.starts_with('-') {
                Some(format!("the command would read {name:?} as an option"))
            } else if !LocalModel::has_file(name) {
                Some(format!("{name:?} cannot be a file of a model"))
            } else {
                None
            }
        });
        refused.map_or(Ok(()), Err)
    }

    /// Looks up the path of the reference in a listing. The path is a folder if it is not a file
    /// and files lie below it.
    pub(super) fn looked_up(self, parts: &HfParts<'_>, listing: &[Listed]) -> Self {
        let Some(path) = parts.path else {
            return self;
        };
        let is_file = listing.iter().any(|file| file.path == path);
        let folder = format!("{path}/");
        let is_folder = listing.iter().any(|file| file.path.starts_with(&folder));
        match self {
            Self::Files(files) if is_folder && !is_file && files == [path.to_owned()] => {
                Self::Folder(path.to_owned())
            }
            other => other,
        }
    }

    /// Returns the selected files of a listing.
    pub(super) fn among<'l>(&self, listing: &'l [Listed]) -> Vec<&'l Listed> {
        let is_selected = |file: &&Listed| match self {
            Self::All => LocalModel::has_file(&file.path),
            Self::Files(names) | Self::FilesOf(_, names) => names.contains(&file.path),
            Self::Chosen(chosen) => chosen.files.iter().any(|one| one.path == file.path),
            Self::Folder(folder) => {
                name_in(folder, &file.path).is_some() && LocalModel::has_file(&file.path)
            }
        };
        listing.iter().filter(is_selected).collect()
    }

    /// Returns the folder that is the model, if the model is a folder of the repository.
    pub(super) fn folder(&self) -> Option<&str> {
        match self {
            Self::All | Self::Files(_) | Self::Chosen(_) => None,
            Self::Folder(folder) | Self::FilesOf(folder, _) => Some(folder),
        }
    }

    /// Returns the name under which a file of the repository is staged.
    pub(super) fn name_of<'n>(&'n self, name: &'n str) -> &'n str {
        if let Self::Chosen(chosen) = self {
            let file = chosen.files.iter().find(|file| file.path == name);
            return file.map_or(name, |file| &file.name);
        }
        let folder = self.folder();
        folder
            .and_then(|folder| name_in(folder, name))
            .unwrap_or(name)
    }

    /// Returns the entry point of the model, which is the path for engines.
    pub(super) fn entry_point(&self, parts: &HfParts<'_>) -> EntryPoint {
        match (self, parts.path) {
            (Self::Chosen(chosen), _) => chosen.entry_point.clone(),
            (Self::Files(_), Some(path)) => {
                let first = LocalModel::shard_names(path).and_then(|set| set.into_iter().next());
                EntryPoint::File(first.unwrap_or_else(|| path.to_owned()))
            }
            _ => EntryPoint::Folder,
        }
    }

    /// Returns the arguments of each run of the command. The names of many files need several runs,
    /// because a system limits the size of the arguments.
    pub(super) fn runs(&self) -> Vec<Vec<String>> {
        let names = match self {
            Self::All => return vec![Vec::new()],
            Self::Folder(folder) => return vec![vec![format!("--include={}/*", literal(folder))]],
            Self::Files(names) | Self::FilesOf(_, names) => names.iter().collect::<Vec<_>>(),
            Self::Chosen(chosen) => chosen.files.iter().map(|file| &file.path).collect(),
        };
        let mut runs = Vec::new();
        let (mut run, mut length) = (Vec::new(), 0);
        for name in names {
            length += name.len() + EXTRA_PER_NAME;
            if length > MAX_RUN_BYTES && !run.is_empty() {
                runs.push(exactly(&run));
                run.clear();
                length = name.len() + EXTRA_PER_NAME;
            }
            run.push(name);
        }
        if !run.is_empty() {
            runs.push(exactly(&run));
        }
        runs
    }

    /// Returns the names of the files that must be downloaded, if the selection states them.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        match self {
            Self::Files(names) | Self::FilesOf(_, names) => {
                names.iter().map(String::as_str).collect()
            }
            Self::Chosen(chosen) => chosen.files.iter().map(|file| file.path.as_str()).collect(),
            Self::All | Self::Folder(_) => BTreeSet::new(),
        }
    }
}

/// Returns the arguments that name these files and no others. The command reads a single name
/// literally, and several names as patterns.
fn exactly(names: &[&String]) -> Vec<String> {
    match names {
        [name] => vec![(*name).clone()],
        names => names.iter().map(|name| literal(name)).collect(),
    }
}

/// Returns the name of a file relative to a folder, if the file is below the folder.
fn name_in<'n>(folder: &str, name: &'n str) -> Option<&'n str> {
    name.strip_prefix(folder)?.strip_prefix('/')
}

/// Returns a pattern that matches only this text.
fn literal(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '*' | '?' | '[' => format!("[{c}]"),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{MAX_RUN_BYTES, Selection};

    /// PROV-423
    #[test]
    fn many_names_are_spread_over_several_runs() {
        let names: Vec<String> = (0..50_000)
            .map(|n| format!("folder/file-{n}.bin"))
            .collect();
        let runs = Selection::Files(names.clone()).runs();
        assert_eq!(runs.concat(), names);
        for run in &runs {
            assert!(run.iter().map(String::len).sum::<usize>() <= MAX_RUN_BYTES);
        }
        let one = Selection::Files(vec!["a[1].bin".to_owned()]).runs();
        assert_eq!(one, [["a[1].bin"]], "a single name is read literally");
    }
}
