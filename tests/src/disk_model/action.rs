use super::names::{folder_of, moved};

/// Something a process did to files below the root, in the order of the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A new file got a name.
    Create {
        /// Its name, relative to the root.
        name: String,
        /// The number of the file.
        file: usize,
    },
    /// A file got a second name.
    Link {
        /// The new name.
        name: String,
        /// The number of the file.
        file: usize,
    },
    /// A name was moved over another.
    Rename {
        /// The old name.
        from: String,
        /// The new one.
        to: String,
        /// The number of the file.
        file: usize,
    },
    /// Two names of files in one folder were exchanged, both at once.
    Exchange {
        /// One name.
        one: String,
        /// The file that had it.
        file: usize,
        /// The other name.
        other: String,
        /// The file that had that.
        other_file: usize,
    },
    /// A name was removed.
    Remove {
        /// The name.
        name: String,
    },
    /// A folder was made.
    CreateFolder {
        /// Its name, relative to the root.
        name: String,
    },
    /// A folder was moved with all in it.
    RenameFolder {
        /// The old name.
        from: String,
        /// The new one.
        to: String,
    },
    /// An empty folder was removed.
    RemoveFolder {
        /// Its name.
        name: String,
    },
    /// A file's bytes became these.
    Write {
        /// The number of the file.
        file: usize,
        /// All its bytes now.
        content: Vec<u8>,
    },
    /// A file was synced.
    SyncFile {
        /// The number of the file.
        file: usize,
    },
    /// A folder was synced.
    SyncFolder {
        /// Its name relative to the root. The name of the root itself is empty.
        name: String,
    },
    /// A call of the workload returned.
    Answer,
}

impl Action {
    /// The folder whose names a change concerns; of a move, the one it leads to.
    pub(super) fn folder(&self) -> &str {
        let name = match self {
            Self::Create { name, .. }
            | Self::Link { name, .. }
            | Self::Remove { name }
            | Self::CreateFolder { name }
            | Self::RemoveFolder { name } => name,
            Self::Rename { to, .. } | Self::RenameFolder { to, .. } => to,
            Self::Exchange { one, .. } => one,
            Self::Write { .. } | Self::SyncFile { .. } | Self::SyncFolder { .. } | Self::Answer => {
                unreachable!("these change no names")
            }
        };
        folder_of(name)
    }

    /// Gives a change of names the names that it has after a folder was moved.
    pub(super) fn follow(&mut self, from: &str, to: &str) {
        match self {
            Self::Create { name, .. }
            | Self::Link { name, .. }
            | Self::Remove { name }
            | Self::CreateFolder { name }
            | Self::RemoveFolder { name } => *name = moved(name, from, to),
            Self::Rename {
                from: old, to: new, ..
            }
            | Self::RenameFolder { from: old, to: new } => {
                *old = moved(old, from, to);
                *new = moved(new, from, to);
            }
            Self::Exchange { one, other, .. } => {
                *one = moved(one, from, to);
                *other = moved(other, from, to);
            }
            Self::Write { .. } | Self::SyncFile { .. } | Self::SyncFolder { .. } | Self::Answer => {
            }
        }
    }
}
