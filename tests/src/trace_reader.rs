//! From the text of a trace to what it did to files below a root.

use std::collections::BTreeMap;

use crate::disk_model::{Action, Files};

/// Reads a trace that was recorded with all text in hexadecimal. `before` are the files that were
/// there.
pub fn read(trace: &str, root: &str, answers: &str, before: &Files) -> Vec<Action> {
    let mut reader = Reader {
        root: format!("{root}/"),
        answers: format!("{answers}/"),
        ..Reader::default()
    };
    for (number, (name, content)) in before.iter().enumerate() {
        // As `disk_model::crash_states` numbers them.
        let file = usize::MAX - number;
        reader.names.insert(name.clone(), file);
        reader.contents.insert(file, content.clone());
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
            ("openat", [_, path, flags, ..]) => self.opened(&text(path), flags, result),
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
            ("rename", [from, to]) | ("renameat" | "renameat2", [_, from, _, to, ..]) => {
                self.renamed(&text(from), &text(to));
            }
            ("link", [from, to]) | ("linkat", [_, from, _, to, ..]) => {
                if let (Some(from), Some(name)) = (self.below(&text(from)), self.below(&text(to)))
                    && let Some(file) = self.names.get(&from).copied()
                {
                    self.names.insert(name.clone(), file);
                    self.actions.push(Action::Link { name, file });
                }
            }
            ("unlink", [path]) | ("unlinkat", [_, path, ..]) => {
                if let Some(name) = self.below(&text(path)) {
                    self.names.remove(&name);
                    self.actions.push(Action::Remove { name });
                }
            }
            ("mkdir", [path, _]) if text(path).starts_with(&self.answers) => {
                self.actions.push(Action::Answer);
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

    fn renamed(&mut self, from: &str, to: &str) {
        if let (Some(from), Some(to)) = (self.below(from), self.below(to))
            && let Some(file) = self.names.get(&from).copied()
        {
            // Between two names of one file, a rename does nothing.
            if self.names.get(&to) != Some(&file) {
                self.names.remove(&from);
                self.names.insert(to.clone(), file);
                self.actions.push(Action::Rename { from, to, file });
            }
        }
    }

    fn below(&self, path: &str) -> Option<String> {
        path.strip_prefix(&self.root).map(str::to_owned)
    }
}

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
