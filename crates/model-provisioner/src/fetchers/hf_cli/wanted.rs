use std::collections::BTreeSet;

use catalog_core::{EntryPoint, FetchTask, HfParts, is_of_a_model, shard_set};

/// The files of a repository that are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of them.
    All,
    /// These.
    Files(Vec<String>),
    /// All below this folder, which is what is handed out.
    Folder(String),
    /// These of a folder that is handed out, by their names in the repository.
    FilesOf(String, Vec<String>),
}

/// One file in the listing of the hub.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Listed {
    pub(super) path: String,
    #[serde(default)]
    pub(super) size: u64,
}

impl Wanted {
    /// What a task asks for, as far as its text tells: a path is taken for that of a file. The error says
    /// which name is refused, and why.
    pub(super) fn of(task: &FetchTask<'_>, parts: &HfParts<'_>) -> Result<Self, String> {
        let wanted = match (parts.path, task.only) {
            (Some(folder), Some(only)) if task.is_folder => {
                let names = only.iter().map(|name| format!("{folder}/{name}"));
                Self::FilesOf(folder.to_owned(), names.collect())
            }
            (_, Some(only)) => Self::Files(only.iter().cloned().collect()),
            (None, None) => Self::All,
            (Some(path), None) => match shard_set(path) {
                Some(set) => Self::Files(set),
                None => Self::Files(vec![path.to_owned()]),
            },
        };
        let refused = wanted.names().into_iter().find_map(|name| {
            if name.starts_with('-') {
                Some(format!("its command would take {name:?} for an option"))
            } else if !is_of_a_model(name) {
                Some(format!("{name:?} is no part of a model"))
            } else {
                None
            }
        });
        refused.map_or(Ok(wanted), Err)
    }

    /// Looks the path of the reference up in a listing: the path is that of a folder if no file has it and
    /// files lie below it.
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

    /// Returns the files of a listing that are wanted.
    pub(super) fn among<'l>(&self, listing: &'l [Listed]) -> Vec<&'l Listed> {
        let is_wanted = |file: &&Listed| match self {
            Self::All => is_of_a_model(&file.path),
            Self::Files(names) | Self::FilesOf(_, names) => names.contains(&file.path),
            Self::Folder(folder) => {
                name_in(folder, &file.path).is_some() && is_of_a_model(&file.path)
            }
        };
        listing.iter().filter(is_wanted).collect()
    }

    /// The folder of the repository that is handed out, if it is not all of it.
    pub(super) fn folder(&self) -> Option<&str> {
        match self {
            Self::All | Self::Files(_) => None,
            Self::Folder(folder) | Self::FilesOf(folder, _) => Some(folder),
        }
    }

    /// The name that a file of the repository gets.
    pub(super) fn name_of<'n>(&self, name: &'n str) -> &'n str {
        let folder = self.folder();
        folder
            .and_then(|folder| name_in(folder, name))
            .unwrap_or(name)
    }

    /// Returns the path that engines are given.
    pub(super) fn entry_point(&self, parts: &HfParts<'_>) -> EntryPoint {
        match (self, parts.path) {
            (Self::Files(_), Some(path)) => {
                let first = shard_set(path).and_then(|set| set.into_iter().next());
                EntryPoint::File(first.unwrap_or_else(|| path.to_owned()))
            }
            _ => EntryPoint::Folder,
        }
    }

    /// The arguments of the command that say it. One name is taken literally, of several each is a
    /// pattern.
    pub(super) fn arguments(&self) -> Vec<String> {
        match self {
            Self::All => Vec::new(),
            Self::Files(names) | Self::FilesOf(_, names) => match &names[..] {
                [name] => vec![name.clone()],
                names => names.iter().map(|name| literal(name)).collect(),
            },
            Self::Folder(folder) => vec![format!("--include={}/*", literal(folder))],
        }
    }

    /// The names of files that have to come.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        match self {
            Self::Files(names) | Self::FilesOf(_, names) => {
                names.iter().map(String::as_str).collect()
            }
            Self::All | Self::Folder(_) => BTreeSet::new(),
        }
    }
}

/// The name in a folder of a file that is below it.
fn name_in<'n>(folder: &str, name: &'n str) -> Option<&'n str> {
    name.strip_prefix(folder)?.strip_prefix('/')
}

/// A pattern that matches this text only.
fn literal(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '*' | '?' | '[' => format!("[{c}]"),
            c => c.to_string(),
        })
        .collect()
}
