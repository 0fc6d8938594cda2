//! What a disk may hold after a crash.
//!
//! The model is the common denominator of what file systems promise, not what one of them does:
//! the bytes of a file, its size and the names in a folder persist separately and in any order;
//! a rename happens or not; syncing a file pins its bytes and size, syncing a folder pins the names
//! in it, and nothing else pins anything.

use std::collections::{BTreeMap, BTreeSet};

/// Something a process did to files below the root, in the order of the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A new file got a name.
    Create {
        /// Its name, relative to the root.
        name: String,
        /// Which file.
        file: usize,
    },
    /// A file got a second name.
    Link {
        /// The new name.
        name: String,
        /// Which file.
        file: usize,
    },
    /// A name was moved over another.
    Rename {
        /// The old name.
        from: String,
        /// The new one.
        to: String,
        /// Which file.
        file: usize,
    },
    /// A name was removed.
    Remove {
        /// The name.
        name: String,
    },
    /// A file's bytes became these.
    Write {
        /// Which file.
        file: usize,
        /// All its bytes now.
        content: Vec<u8>,
    },
    /// A file was synced.
    SyncFile {
        /// Which file.
        file: usize,
    },
    /// A folder was synced.
    SyncFolder {
        /// Its name relative to the root; empty for the root itself.
        name: String,
    },
    /// A call of the workload returned.
    Answer,
}

/// Files by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A file's possible bytes and a folder's possible names, at some point of a trace.
#[derive(Debug, Clone)]
struct Disk {
    /// What names mean for certain: the file behind each.
    names: BTreeMap<String, usize>,
    /// Changes of names that may have happened or not, oldest first.
    pending: Vec<Action>,
    /// The bytes of each file that are certain.
    synced: BTreeMap<usize, Vec<u8>>,
    /// The bytes that each file may have grown to since.
    written: BTreeMap<usize, Vec<Vec<u8>>>,
}

/// Every state that a crash may leave, with how many calls had returned and how many had begun by
/// then. `before` are the files that were there and are certain.
pub fn crash_states(before: &Files, actions: &[Action]) -> BTreeSet<(Files, usize)> {
    let mut disk = Disk {
        names: BTreeMap::new(),
        pending: Vec::new(),
        synced: BTreeMap::new(),
        written: BTreeMap::new(),
    };
    for (number, (name, content)) in before.iter().enumerate() {
        // Numbers that no file of the trace has.
        let file = usize::MAX - number;
        disk.names.insert(name.clone(), file);
        disk.synced.insert(file, content.clone());
    }
    let mut answered = 0;
    let mut states = BTreeSet::new();
    disk.collect(answered, &mut states);
    for action in actions {
        if *action == Action::Answer {
            answered += 1;
        }
        disk.apply(action);
        disk.collect(answered, &mut states);
    }
    states
}

impl Disk {
    fn apply(&mut self, action: &Action) {
        match action {
            Action::Create { .. }
            | Action::Link { .. }
            | Action::Rename { .. }
            | Action::Remove { .. } => self.pending.push(action.clone()),
            Action::Write { file, content } => {
                self.written.entry(*file).or_default().push(content.clone());
            }
            Action::SyncFile { file } => {
                if let Some(content) = self.written.remove(file).and_then(|mut all| all.pop()) {
                    self.synced.insert(*file, content);
                }
            }
            Action::SyncFolder { name } => {
                let (pinned, pending) = std::mem::take(&mut self.pending)
                    .into_iter()
                    .partition(|change: &Action| folder_of(change) == name);
                self.pending = pending;
                let pinned: Vec<Action> = pinned;
                pinned
                    .iter()
                    .for_each(|change| change_names(&mut self.names, change));
            }
            Action::Answer => {}
        }
    }

    /// Adds what a crash now may leave.
    fn collect(&self, answered: usize, states: &mut BTreeSet<(Files, usize)>) {
        for chosen in 0..1_usize << self.pending.len() {
            let mut names = self.names.clone();
            for (number, change) in self.pending.iter().enumerate() {
                if chosen & (1 << number) != 0 {
                    change_names(&mut names, change);
                }
            }
            let mut partial = vec![Files::new()];
            for (name, file) in names {
                let contents = self.contents(file);
                partial = partial
                    .into_iter()
                    .flat_map(|files| {
                        contents.iter().map({
                            let name = name.clone();
                            move |content| {
                                let mut files = files.clone();
                                files.insert(name.clone(), content.clone());
                                files
                            }
                        })
                    })
                    .collect();
            }
            states.extend(partial.into_iter().map(|files| (files, answered)));
        }
    }

    /// What the bytes of a file may be: as synced, as written, or cut at a quarter, the half or
    /// three, or of its full size with zeros from there on.
    fn contents(&self, file: usize) -> BTreeSet<Vec<u8>> {
        let synced = self.synced.get(&file).cloned().unwrap_or_default();
        let mut contents = BTreeSet::from([synced]);
        for written in self.written.get(&file).into_iter().flatten() {
            contents.insert(written.clone());
            for quarter in 0..4 {
                let kept = &written[..written.len() * quarter / 4];
                contents.insert(kept.to_vec());
                let mut zeroed = kept.to_vec();
                zeroed.resize(written.len(), 0);
                contents.insert(zeroed);
            }
        }
        contents
    }
}

/// The folder whose names a change concerns. No rename here goes from one to another.
fn folder_of(change: &Action) -> &str {
    let name = match change {
        Action::Create { name, .. } | Action::Link { name, .. } | Action::Remove { name } => name,
        Action::Rename { to, .. } => to,
        Action::Write { .. }
        | Action::SyncFile { .. }
        | Action::SyncFolder { .. }
        | Action::Answer => unreachable!("these change no names"),
    };
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn change_names(names: &mut BTreeMap<String, usize>, change: &Action) {
    match change {
        Action::Create { name, file } | Action::Link { name, file } => {
            names.insert(name.clone(), *file);
        }
        Action::Rename { from, to, file } => {
            names.remove(from);
            names.insert(to.clone(), *file);
        }
        Action::Remove { name } => drop(names.remove(name)),
        Action::Write { .. }
        | Action::SyncFile { .. }
        | Action::SyncFolder { .. }
        | Action::Answer => {}
    }
}
