use std::collections::BTreeSet;

use catalog_core::{EntryPoint, FetchTask, HfParts, shard_set};

/// Which files of a repository are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of them.
    All,
    /// These.
    Files(Vec<String>),
    /// All below this folder, which is what is handed out.
    Folder(String),
}

/// What the hub says of one file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Listed {
    pub(super) path: String,
    #[serde(default)]
    pub(super) size: u64,
}

impl Wanted {
    /// What a task asks for, as far as its text tells: a path is taken for that of a file.
    pub(super) fn of(task: &FetchTask<'_>, parts: &HfParts<'_>) -> Self {
        match (parts.path, task.only) {
            (_, Some(only)) => Self::Files(only.iter().cloned().collect()),
            (None, None) => Self::All,
            (Some(path), None) => match shard_set(path) {
                Some(set) => Self::Files(set),
                None => Self::Files(vec![path.to_owned()]),
            },
        }
    }

    /// The same for what may be a folder after all: if it is no file of the listing, but files are
    /// below it.
    pub(super) fn looked_up(self, parts: &HfParts<'_>, listing: &[Listed]) -> Self {
        let Some(path) = parts.path else {
            return self;
        };
        let is_file = listing.iter().any(|file| file.path == path);
        let folder = format!("{path}/");
        let is_folder = listing.iter().any(|file| file.path.starts_with(&folder));
        match self {
            Self::Files(files) if is_folder && !is_file => match files == [path.to_owned()] {
                true => Self::Folder(path.to_owned()),
                // Files of the folder, by the names that they have in it.
                false => Self::Files(files),
            },
            other => other,
        }
    }

    /// Those of a listing that are wanted.
    pub(super) fn among<'l>(&self, listing: &'l [Listed]) -> Vec<&'l Listed> {
        let is_wanted = |file: &&Listed| match self {
            Self::All => true,
            Self::Files(names) => names.contains(&file.path),
            Self::Folder(folder) => file
                .path
                .strip_prefix(folder.as_str())
                .is_some_and(|rest| rest.starts_with('/')),
        };
        listing.iter().filter(is_wanted).collect()
    }

    /// What is handed out to engines.
    pub(super) fn entry_point(&self, parts: &HfParts<'_>) -> EntryPoint {
        match (self, parts.path) {
            (Self::Files(_), Some(path)) => {
                let first = shard_set(path).and_then(|set| set.into_iter().next());
                EntryPoint::File(first.unwrap_or_else(|| path.to_owned()))
            }
            _ => EntryPoint::Folder,
        }
    }

    /// The arguments of the command that say it.
    pub(super) fn arguments(&self) -> Vec<String> {
        match self {
            Self::All => Vec::new(),
            Self::Files(names) => names.clone(),
            Self::Folder(folder) => vec!["--include".to_owned(), format!("{}/*", literal(folder))],
        }
    }

    /// The names of files that have to come.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        match self {
            Self::Files(names) => names.iter().map(String::as_str).collect(),
            Self::All | Self::Folder(_) => BTreeSet::new(),
        }
    }
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
