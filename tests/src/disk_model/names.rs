use std::collections::{BTreeMap, BTreeSet};

use super::action::Action;

/// The names of folders and files.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Names {
    pub(super) folders: BTreeSet<String>,
    pub(super) files: BTreeMap<String, usize>,
}

impl Names {
    pub(super) fn change(&mut self, change: &Action) {
        match change {
            Action::Create { name, file } | Action::Link { name, file } => {
                self.files.insert(name.clone(), *file);
            }
            Action::Rename { from, to, file } => {
                self.files.remove(from);
                self.files.insert(to.clone(), *file);
            }
            Action::Exchange {
                one,
                file,
                other,
                other_file,
            } => {
                self.files.insert(one.clone(), *other_file);
                self.files.insert(other.clone(), *file);
            }
            Action::Remove { name } => drop(self.files.remove(name)),
            Action::CreateFolder { name } => drop(self.folders.insert(name.clone())),
            Action::RemoveFolder { name } => drop(self.folders.remove(name)),
            Action::RenameFolder { from, to } => {
                let folders = std::mem::take(&mut self.folders);
                self.folders = folders.iter().map(|name| moved(name, from, to)).collect();
                self.folders.insert(to.clone());
                let files = std::mem::take(&mut self.files);
                let files = files.into_iter();
                self.files = files
                    .map(|(name, file)| (moved(&name, from, to), file))
                    .collect();
            }
            Action::Write { .. }
            | Action::SyncFile { .. }
            | Action::SyncFolder { .. }
            | Action::Answer => {}
        }
    }

    /// Drops names whose folders are not there.
    pub(super) fn drop_what_hangs_in_the_air(&mut self) {
        let folders = self.folders.clone();
        let stands = |name: &str| {
            let ends = name.match_indices('/').map(|(end, _)| end);
            ends.into_iter().all(|end| folders.contains(&name[..end]))
        };
        self.folders.retain(|name| stands(name));
        self.files.retain(|name, _| stands(name));
    }
}

/// Whether a name is that of a folder, or of something below it.
pub(super) fn is_in(name: &str, folder: &str) -> bool {
    name.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The name that something has after a folder was moved.
pub(super) fn moved(name: &str, from: &str, to: &str) -> String {
    match name.strip_prefix(from) {
        Some(rest) if is_in(name, from) => format!("{to}{rest}"),
        _ => name.to_owned(),
    }
}

/// Returns the folder of a name. The folder of a name directly in the root is empty.
pub(super) fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}
