//! From the text of a trace to what it did to files below a root.

use std::collections::BTreeMap;

use crate::disk_model::{Action, Tree};

/// Reads a trace that was recorded with all text in hexadecimal. `before` was there.
pub fn read(trace: &str, root: &str, answers: &str, before: &Tree) -> Vec<Action> {
    let mut reader = Reader {
        root: format!("{root}/"),
        answers: format!("{answers}/"),
        ..Reader::default()
    };
    for (name, (file, content)) in &before.files {
        reader.names.insert(name.clone(), *file);
        reader.contents.insert(*file, content.clone());
    }
    trace.lines().for_each(|line| reader.line(line));
    reader.actions
}

#[derive(Default)]
struct Reader {
    root: String,
    answers: String,
    names: BTreeMap<String, usize>,
    contents: BTreeMap<usize, Vec<u8>>,
    open: BTreeMap<String, Open>,
    files: usize,
    actions: Vec<Action>,
}

/// What a descriptor stands for.
enum Open {
    File { file: usize, position: usize },
    Folder(String),
}

impl Reader {
    fn line(&mut self, line: &str) {
        let Some((call, rest)) = line.split_once('(') else {
            return;
        };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else {
            return;
        };
        if result.starts_with('-') {
            return;
        }
        let arguments = arguments.trim_end().trim_end_matches(')');
        let arguments: Vec<&str> = arguments.split(", ").collect();
        match (call, arguments.as_slice()) {
            ("openat", [folder, path, flags, ..]) => {
                self.opened(&self.path(folder, path), flags, result);
            }
            ("close", [descriptor]) => drop(self.open.remove(*descriptor)),
            ("write", [descriptor, bytes, _]) => self.written(descriptor, &unescape(bytes)),
            ("lseek", [descriptor, ..]) => {
                if let Some(Open::File { position, .. }) = self.open.get_mut(*descriptor) {
                    *position = result.trim().parse().unwrap_or(0);
                }
            }
            ("ftruncate", [descriptor, length]) => {
                if let Some(Open::File { file, .. }) = self.open.get(*descriptor) {
                    let file = *file;
                    let content = self.contents.entry(file).or_default();
                    content.resize(length.parse().unwrap_or(0), 0);
                    let content = content.clone();
                    self.actions.push(Action::Write { file, content });
                }
            }
            ("fsync" | "fdatasync", [descriptor]) => match self.open.get(*descriptor) {
                Some(Open::File { file, .. }) => {
                    self.actions.push(Action::SyncFile { file: *file });
                }
                Some(Open::Folder(name)) => {
                    let name = name.clone();
                    self.actions.push(Action::SyncFolder { name });
                }
                None => {}
            },
            ("rename", [from, to]) => self.renamed(&self.path(HERE, from), &self.path(HERE, to)),
            ("renameat" | "renameat2", [one, from, other, to, ..]) => {
                self.renamed(&self.path(one, from), &self.path(other, to));
            }
            ("link", [from, to]) => self.linked(&self.path(HERE, from), &self.path(HERE, to)),
            ("linkat", [one, from, other, to, ..]) => {
                self.linked(&self.path(one, from), &self.path(other, to));
            }
            ("unlink", [path]) => self.removed(&self.path(HERE, path)),
            ("rmdir", [path]) => self.removed_folder(&self.path(HERE, path)),
            ("unlinkat", [folder, path, flags]) if flags.contains("AT_REMOVEDIR") => {
                self.removed_folder(&self.path(folder, path));
            }
            ("unlinkat", [folder, path, ..]) => self.removed(&self.path(folder, path)),
            ("mkdir", [path, _]) if text(path).starts_with(&self.answers) => {
                self.actions.push(Action::Answer);
            }
            ("mkdir", [path, _]) => {
                if let Some(name) = self.below(&text(path)) {
                    self.actions.push(Action::CreateFolder { name });
                }
            }
            _ => {}
        }
    }

    fn opened(&mut self, path: &str, flags: &str, descriptor: &str) {
        let descriptor = descriptor.trim().to_owned();
        if format!("{path}/") == self.root {
            self.open.insert(descriptor, Open::Folder(String::new()));
            return;
        }
        let Some(name) = self.below(path) else {
            return;
        };
        let file = match self.names.get(&name) {
            Some(file) => *file,
            None if flags.contains("O_CREAT") => {
                self.files += 1;
                let file = self.files;
                self.names.insert(name.clone(), file);
                self.actions.push(Action::Create { name, file });
                file
            }
            None => {
                self.open.insert(descriptor, Open::Folder(name));
                return;
            }
        };
        self.open
            .insert(descriptor, Open::File { file, position: 0 });
    }

    fn written(&mut self, descriptor: &str, bytes: &[u8]) {
        if let Some(Open::File { file, position }) = self.open.get_mut(descriptor) {
            let content = self.contents.entry(*file).or_default();
            content.resize(content.len().max(*position + bytes.len()), 0);
            content[*position..*position + bytes.len()].copy_from_slice(bytes);
            *position += bytes.len();
            let (file, content) = (*file, content.clone());
            self.actions.push(Action::Write { file, content });
        }
    }

    fn linked(&mut self, from: &str, to: &str) {
        if let (Some(from), Some(name)) = (self.below(from), self.below(to))
            && let Some(file) = self.names.get(&from).copied()
        {
            self.names.insert(name.clone(), file);
            self.actions.push(Action::Link { name, file });
        }
    }

    fn removed(&mut self, path: &str) {
        if let Some(name) = self.below(path) {
            self.names.remove(&name);
            self.actions.push(Action::Remove { name });
        }
    }

    fn removed_folder(&mut self, path: &str) {
        if let Some(name) = self.below(path) {
            self.actions.push(Action::RemoveFolder { name });
        }
    }

    fn renamed(&mut self, from: &str, to: &str) {
        let (Some(from), Some(to)) = (self.below(from), self.below(to)) else {
            return;
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
            return;
        };
        // Between two names of one file, a rename does nothing.
        if self.names.get(&to) != Some(&file) {
            self.names.remove(&from);
            self.names.insert(to.clone(), file);
            self.actions.push(Action::Rename { from, to, file });
        }
    }

    /// The path that a call names relative to an open folder, or by way of one in `/proc`.
    fn path(&self, folder: &str, path: &str) -> String {
        let path = text(path);
        let by_descriptor = match path.strip_prefix("/proc/self/fd/") {
            Some(rest) => rest.split_once('/').or(Some((rest, ""))),
            None if path.starts_with('/') => None,
            None => Some((folder, path.as_str())),
        };
        match by_descriptor.and_then(|(at, rest)| Some((self.open.get(at)?, rest))) {
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

/// How a trace names the folder that a process is in.
const HERE: &str = "AT_FDCWD";

fn text(argument: &str) -> String {
    String::from_utf8_lossy(&unescape(argument)).into_owned()
}

/// The bytes of `"\x..\x.."`.
fn unescape(argument: &str) -> Vec<u8> {
    let digits = argument.trim_matches('"').split("\\x").skip(1);
    digits
        .filter_map(|hex| u8::from_str_radix(hex, 16).ok())
        .collect()
}
