use std::collections::BTreeMap;

use super::text;
use crate::disk_model::{Action, Tree};

/// The files below a root as a trace goes on, and what was done to them. Each call returns whether its
/// effect is known.
#[derive(Default)]
pub(super) struct Files {
    root: String,
    names: BTreeMap<String, usize>,
    contents: BTreeMap<usize, Vec<u8>>,
    /// What each descriptor stands for, by its number in `opened`: two can share one.
    descriptors: BTreeMap<String, usize>,
    opened: Vec<Open>,
    made: usize,
    actions: Vec<Action>,
}

/// What a descriptor stands for.
enum Open {
    File {
        file: usize,
        position: usize,
        /// Whether each write goes to the end.
        appends: bool,
    },
    Folder(String),
}

impl Files {
    pub(super) fn new(root: &str, before: &Tree) -> Self {
        let mut files = Self {
            root: format!("{root}/"),
            ..Self::default()
        };
        for (name, (file, content)) in &before.files {
            files.names.insert(name.clone(), *file);
            files.contents.insert(*file, content.to_vec());
        }
        files
    }

    pub(super) fn actions(&self) -> &[Action] {
        &self.actions
    }

    pub(super) fn into_actions(self) -> Vec<Action> {
        self.actions
    }

    pub(super) fn answered(&mut self) -> bool {
        self.actions.push(Action::Answer);
        true
    }

    pub(super) fn opened(&mut self, path: &str, flags: &str, descriptor: &str) -> bool {
        let appends = flags.contains("O_APPEND");
        let open = if format!("{path}/") == self.root {
            Open::Folder(String::new())
        } else {
            let Some(name) = self.below(path) else {
                return true;
            };
            match self.names.get(&name).copied() {
                Some(file) => {
                    if flags.contains("O_TRUNC") {
                        self.set_len(file, 0);
                    }
                    Open::File {
                        file,
                        position: 0,
                        appends,
                    }
                }
                None if flags.contains("O_CREAT") => {
                    self.made += 1;
                    let file = self.made;
                    self.names.insert(name.clone(), file);
                    self.actions.push(Action::Create { name, file });
                    Open::File {
                        file,
                        position: 0,
                        appends,
                    }
                }
                None => Open::Folder(name),
            }
        };
        self.descriptors
            .insert(descriptor.to_owned(), self.opened.len());
        self.opened.push(open);
        true
    }

    pub(super) fn closed(&mut self, descriptor: &str) -> bool {
        self.descriptors.remove(descriptor);
        true
    }

    pub(super) fn duplicated(&mut self, descriptor: &str, new: &str) -> bool {
        if let Some(open) = self.descriptors.get(descriptor).copied() {
            self.descriptors.insert(new.to_owned(), open);
        }
        true
    }

    fn open(&mut self, descriptor: &str) -> Option<&mut Open> {
        let number = self.descriptors.get(descriptor)?;
        self.opened.get_mut(*number)
    }

    /// Bytes were written at a position, or, without one, where the descriptor is.
    pub(super) fn written(&mut self, descriptor: &str, bytes: &[u8], at: Option<usize>) -> bool {
        let Some(Open::File {
            file,
            position,
            appends,
        }) = self.open(descriptor)
        else {
            return true;
        };
        let (file, appends, mut begin) = (*file, *appends, at.unwrap_or(*position));
        if at.is_none() {
            *position += bytes.len();
        }
        let content = self.contents.entry(file).or_default();
        if appends {
            begin = content.len();
        }
        content.resize(content.len().max(begin + bytes.len()), 0);
        content[begin..begin + bytes.len()].copy_from_slice(bytes);
        self.changed(file);
        true
    }

    /// Bytes were copied from one open file to another, both where they are. Where they come from is
    /// known only below the root.
    pub(super) fn copied(&mut self, from: &str, to: &str, length: usize) -> bool {
        let source = match self.open(from) {
            Some(Open::File { file, position, .. }) => {
                let begin = *position;
                *position += length;
                Some((*file, begin))
            }
            _ => None,
        };
        let is_below = matches!(self.open(to), Some(Open::File { .. }));
        match source {
            _ if !is_below || length == 0 => true,
            None => false,
            Some((file, begin)) => {
                let content = self.contents.entry(file).or_default();
                let end = content.len().min(begin + length);
                let bytes = content[begin.min(end)..end].to_vec();
                self.written(to, &bytes, None)
            }
        }
    }

    pub(super) fn sought(&mut self, descriptor: &str, to: usize) -> bool {
        if let Some(Open::File { position, .. }) = self.open(descriptor) {
            *position = to;
        }
        true
    }

    pub(super) fn resized(&mut self, descriptor: &str, length: Option<usize>) -> bool {
        if let Some(Open::File { file, .. }) = self.open(descriptor) {
            let file = *file;
            let Some(length) = length else {
                return false;
            };
            self.set_len(file, length);
        }
        true
    }

    /// A file is at least so long from now on.
    pub(super) fn extended(&mut self, descriptor: &str, length: usize) -> bool {
        if let Some(Open::File { file, .. }) = self.open(descriptor) {
            let file = *file;
            let now = self.contents.get(&file).map_or(0, Vec::len);
            self.set_len(file, now.max(length));
        }
        true
    }

    fn set_len(&mut self, file: usize, length: usize) {
        let content = self.contents.entry(file).or_default();
        if content.len() != length {
            content.resize(length, 0);
            self.changed(file);
        }
    }

    fn changed(&mut self, file: usize) {
        let content = self.contents.entry(file).or_default().clone();
        self.actions.push(Action::Write { file, content });
    }

    pub(super) fn synced(&mut self, descriptor: &str) -> bool {
        let action = match self.open(descriptor) {
            Some(Open::File { file, .. }) => Action::SyncFile { file: *file },
            Some(Open::Folder(name)) => Action::SyncFolder { name: name.clone() },
            None => return true,
        };
        self.actions.push(action);
        true
    }

    pub(super) fn made_folder(&mut self, path: &str) -> bool {
        if let Some(name) = self.below(path) {
            self.actions.push(Action::CreateFolder { name });
        }
        true
    }

    pub(super) fn linked(&mut self, from: &str, to: &str) -> bool {
        let Some(name) = self.below(to) else {
            return true;
        };
        let from = self.below(from);
        let Some(file) = from.and_then(|from| self.names.get(&from).copied()) else {
            return false;
        };
        self.names.insert(name.clone(), file);
        self.actions.push(Action::Link { name, file });
        true
    }

    pub(super) fn removed(&mut self, path: &str) -> bool {
        if let Some(name) = self.below(path) {
            self.names.remove(&name);
            self.actions.push(Action::Remove { name });
        }
        true
    }

    pub(super) fn removed_folder(&mut self, path: &str) -> bool {
        if let Some(name) = self.below(path) {
            self.actions.push(Action::RemoveFolder { name });
        }
        true
    }

    pub(super) fn renamed(&mut self, from: &str, to: &str) -> bool {
        let (from, to) = match (self.below(from), self.below(to)) {
            (Some(from), Some(to)) => (from, to),
            (None, None) => return true,
            // Into the root, or out of it.
            _ => return false,
        };
        let Some(file) = self.names.get(&from).copied() else {
            let inside = format!("{from}/");
            let names = std::mem::take(&mut self.names).into_iter();
            self.names = names
                .map(|(name, file)| match name.strip_prefix(&inside) {
                    Some(rest) => (format!("{to}/{rest}"), file),
                    None => (name, file),
                })
                .collect();
            self.actions.push(Action::RenameFolder { from, to });
            return true;
        };
        // Between two names of one file, a rename does nothing.
        if self.names.get(&to) != Some(&file) {
            self.names.remove(&from);
            self.names.insert(to.clone(), file);
            self.actions.push(Action::Rename { from, to, file });
        }
        true
    }

    /// Two files of one folder exchange their names; of anything else, the effect is not modelled.
    pub(super) fn exchanged(&mut self, one: &str, other: &str) -> bool {
        let (one, other) = match (self.below(one), self.below(other)) {
            (Some(one), Some(other)) => (one, other),
            (None, None) => return true,
            _ => return false,
        };
        let folder = |name: &str| name.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let files = (self.names.get(&one), self.names.get(&other));
        let (Some(file), Some(other_file)) = (files.0.copied(), files.1.copied()) else {
            return false;
        };
        if folder(&one) != folder(&other) {
            return false;
        }
        self.names.insert(one.clone(), other_file);
        self.names.insert(other.clone(), file);
        self.actions.push(Action::Exchange {
            one,
            file,
            other,
            other_file,
        });
        true
    }

    /// The path that a call names relative to an open folder, or by way of one in `/proc`.
    pub(super) fn path(&self, folder: &str, path: &str) -> String {
        let path = text(path);
        let by_descriptor = match path.strip_prefix("/proc/self/fd/") {
            Some(rest) => rest.split_once('/').or(Some((rest, ""))),
            None if path.starts_with('/') => None,
            None => Some((folder, path.as_str())),
        };
        let open = by_descriptor.and_then(|(at, rest)| {
            let number = self.descriptors.get(at)?;
            Some((self.opened.get(*number)?, rest))
        });
        match open {
            Some((Open::Folder(folder), rest)) => {
                let parts = [folder.as_str(), rest];
                let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
                format!("{}{}", self.root, parts.join("/"))
            }
            _ => path,
        }
    }

    fn below(&self, path: &str) -> Option<String> {
        path.strip_prefix(&self.root).map(str::to_owned)
    }
}
