//! The states of a disk after a crash.
//!
//! The model is the common denominator of what file systems promise, not what one of them does:
//! the bytes of a file, its size and the names in a folder persist separately and in any order;
//! a rename happens or not, an exchange of two names as well; what is written over synced bytes persists
//! in any part; syncing a file pins its bytes and size, syncing a folder pins the names
//! in it, and nothing else pins anything. A name persists only if the folders above it do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

mod action;
mod content;
mod names;
#[cfg(test)]
mod tests;

pub use action::Action;
pub use content::Content;
use names::{Names, folder_of, is_in};

/// What lies below a root: folders, and files by name, where equal numbers are one file with
/// several names.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tree {
    /// The names of folders.
    pub folders: BTreeSet<String>,
    /// The file behind each name, and its bytes.
    pub files: BTreeMap<String, (usize, Content)>,
}

/// A file's possible bytes and a folder's possible names, at some point of a trace.
#[derive(Debug, Clone, Default)]
struct Disk {
    /// The certain names.
    names: Names,
    /// Changes of names that may have happened or not, oldest first.
    pending: Vec<Action>,
    /// The bytes of each file that are certain.
    synced: BTreeMap<usize, Content>,
    /// The bytes that each file may have grown to since.
    written: BTreeMap<usize, Vec<Content>>,
}

impl Tree {
    /// Reads the present files and folders below a folder. Its files have the greatest numbers, so that those of a trace
    /// have others.
    pub fn read(root: &Path) -> Self {
        let mut tree = Self::default();
        let mut inodes: BTreeMap<u64, usize> = BTreeMap::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(root.join(&folder)).expect("a folder can be read");
            for path in entries.flatten().map(|entry| entry.path()) {
                let name = path.strip_prefix(root).expect("it is below the root");
                let name = name.to_string_lossy().into_owned();
                if path.is_dir() {
                    tree.folders.insert(name.clone());
                    folders.push(name);
                    continue;
                }
                let inode = fs::metadata(&path).expect("it is there").ino();
                let next = usize::MAX - inodes.len();
                let file = *inodes.entry(inode).or_insert(next);
                let content = fs::read(&path).expect("it can be read");
                tree.files.insert(name, (file, content.into()));
            }
        }
        tree
    }
}

/// Every state that a crash may leave, with how many calls had returned by then. `before` was there
/// and is certain.
pub fn crash_states(before: &Tree, actions: &[Action]) -> BTreeSet<(Tree, usize)> {
    let mut disk = Disk::default();
    disk.names.folders.clone_from(&before.folders);
    for (name, (file, content)) in &before.files {
        disk.names.files.insert(name.clone(), *file);
        disk.synced.insert(*file, content.clone());
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
            | Action::Exchange { .. }
            | Action::Remove { .. }
            | Action::CreateFolder { .. }
            | Action::RenameFolder { .. }
            | Action::RemoveFolder { .. } => self.pending.push(action.clone()),
            Action::Write { file, content } => {
                let content = Content::from(content.as_slice());
                self.written.entry(*file).or_default().push(content);
            }
            Action::SyncFile { file } => {
                if let Some(content) = self.written.remove(file).and_then(|mut all| all.pop()) {
                    self.synced.insert(*file, content);
                }
            }
            Action::SyncFolder { name } => self.pin(name),
            Action::Answer => {}
        }
    }

    /// Makes the changes of names in a folder certain.
    fn pin(&mut self, folder: &str) {
        let mut pending: Vec<Action> = Vec::new();
        for change in std::mem::take(&mut self.pending) {
            if change.folder() != folder {
                pending.push(self.without_certain_removal(change, folder));
                continue;
            }
            self.names.change(&change);
            match &change {
                // What was made in it before has other names from now on, and its own is certain.
                Action::RenameFolder { from, to } => {
                    pending.retain(
                        |earlier| !matches!(earlier, Action::CreateFolder { name } if name == from),
                    );
                    pending
                        .iter_mut()
                        .for_each(|earlier| earlier.follow(from, to));
                }
                // Whatever became of what was in it.
                Action::RemoveFolder { name } => {
                    pending.retain(|earlier| !is_in(earlier.folder(), name));
                }
                _ => {}
            }
        }
        self.pending = pending;
    }

    /// A rename of a file out of a synced folder removed the old name for certain, and does not concern
    /// later files of that name. Only its new name stays pending.
    fn without_certain_removal(&mut self, change: Action, synced: &str) -> Action {
        match change {
            Action::Rename { from, to, file } if folder_of(&from) == synced => {
                if self.names.files.get(&from) == Some(&file) {
                    self.names.files.remove(&from);
                }
                Action::Link { name: to, file }
            }
            change => change,
        }
    }

    /// Adds what a crash now may leave.
    fn collect(&self, answered: usize, states: &mut BTreeSet<(Tree, usize)>) {
        let mut contents_of_files: BTreeMap<usize, BTreeSet<Content>> = BTreeMap::new();
        for names in self.all_names() {
            let files: BTreeSet<usize> = names.files.values().copied().collect();
            let mut contents = vec![BTreeMap::new()];
            for file in files {
                let possible = contents_of_files.entry(file);
                let possible = possible.or_insert_with(|| self.contents(file));
                contents = contents
                    .into_iter()
                    .flat_map(|all: BTreeMap<usize, Content>| {
                        possible.iter().map(move |content| {
                            let mut all = all.clone();
                            all.insert(file, content.clone());
                            all
                        })
                    })
                    .collect();
            }
            for contents in contents {
                let files = names
                    .files
                    .iter()
                    .map(|(name, file)| (name.clone(), (*file, contents[file].clone())));
                let tree = Tree {
                    files: files.collect(),
                    folders: names.folders.clone(),
                };
                states.insert((tree, answered));
            }
        }
    }

    /// Returns the names that a crash now may leave.
    fn all_names(&self) -> BTreeSet<Names> {
        let subsets = 0..1_usize << self.pending.len();
        let left = subsets.map(|chosen| {
            let mut names = self.names.clone();
            for (number, change) in self.pending.iter().enumerate() {
                if chosen & (1 << number) != 0 {
                    names.change(change);
                }
            }
            names.drop_what_hangs_in_the_air();
            names
        });
        left.collect()
    }

    /// What the bytes of a file may be: as synced, as written, or cut at a quarter, the half or
    /// three, or of its full size with zeros from there on. Where synced bytes are written over, also
    /// each part of the new bytes beside the rest of the old ones. If bytes were only added behind the synced
    /// ones, no cut is before their end: a sync pins them.
    fn contents(&self, file: usize) -> BTreeSet<Content> {
        /// The number of bytes that a disk writes whole or not at all.
        const SECTOR: usize = 512;
        let synced = self.synced.get(&file).cloned().unwrap_or_default();
        let mut contents = BTreeSet::from([synced.clone()]);
        let mut all = self.written.get(&file).into_iter().flatten();
        let pinned = match all.all(|written| written.starts_with(&synced)) {
            true => synced.len(),
            false => 0,
        };
        for written in self.written.get(&file).into_iter().flatten() {
            contents.insert(written.clone());
            if written.len() == synced.len() && written.len() <= SECTOR {
                continue;
            }
            for quarter in 0..4 {
                let kept = &written[..(written.len() * quarter / 4).max(pinned)];
                contents.insert(Content::from(kept));
                let mut zeroed = kept.to_vec();
                zeroed.resize(written.len(), 0);
                contents.insert(Content::from(zeroed));
                let mixed = mixed(&synced, written, kept.len()).into_iter();
                contents.extend(mixed.map(Content::from));
            }
        }
        contents
    }
}

/// What a file of synced bytes holds that was written over in part: the new bytes up to a position and
/// the old ones from there on, and the other way round.
fn mixed(synced: &[u8], written: &[u8], position: usize) -> Vec<Vec<u8>> {
    if synced.is_empty() || synced.iter().all(|byte| *byte == 0) {
        return Vec::new();
    }
    let join = |first: &[u8], second: &[u8]| {
        let first = &first[..position.min(first.len())];
        let second = second.get(position..).unwrap_or_default();
        [first, second].concat()
    };
    vec![join(written, synced), join(synced, written)]
}
