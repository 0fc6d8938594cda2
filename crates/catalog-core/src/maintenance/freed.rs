use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::artifacts::{Sharing, space_of};

/// The number of links of each file that are planned to go.
#[derive(Debug, Default)]
pub(super) struct Links {
    taken: BTreeMap<(u64, u64), u64>,
    /// The files whose space is counted.
    counted: BTreeSet<(u64, u64)>,
    /// The links in the store of the files that have links outside, once they are counted.
    shared: Option<Shared>,
}

/// The number of links in the store of each file that has links outside.
#[derive(Debug, Default)]
pub(super) struct Shared(BTreeMap<(u64, u64), u64>);

impl Shared {
    /// Counts a link in the store.
    pub(super) fn add(&mut self, path: &Path) {
        if let Ok(metadata) = fs::symlink_metadata(path) {
            *self.0.entry((metadata.dev(), metadata.ino())).or_default() += 1;
        }
    }
}

impl Links {
    /// Returns true if a blob is the only link of its file apart from planned removals, and is not
    /// counted with one of them.
    pub(super) fn is_orphan(&self, blob: &fs::Metadata) -> bool {
        let inode = (blob.dev(), blob.ino());
        let taken = self.taken.get(&inode).copied().unwrap_or(0);
        blob.nlink().saturating_sub(taken) == 1 && !self.counted.contains(&inode)
    }

    /// Returns the counts of links in the store, for the caller to fill, unless they are filled.
    pub(super) fn begin_shared(&mut self) -> Option<&mut Shared> {
        match self.shared {
            Some(_) => None,
            None => Some(self.shared.insert(Shared::default())),
        }
    }

    /// Takes one link of a file, and counts its space once no other is left but that of the blob,
    /// which goes with the last one.
    pub(super) fn take(
        &mut self,
        path: &Path,
        blob: Option<&Path>,
        shares: Sharing,
        freed: &mut (u64, u64),
    ) {
        let Ok(metadata) = fs::symlink_metadata(path) else {
            return;
        };
        let inode = (metadata.dev(), metadata.ino());
        let taken = self.taken.entry(inode).or_default();
        *taken += 1;
        let blob = blob.and_then(|blob| fs::symlink_metadata(blob).ok());
        let is_blob = blob.is_some_and(|blob| (blob.dev(), blob.ino()) == inode);
        if metadata.nlink().saturating_sub(*taken) <= u64::from(is_blob) {
            self.counted.insert(inode);
            let to = match shares {
                Sharing::Extents => &mut freed.1,
                Sharing::Nothing | Sharing::Inode => &mut freed.0,
            };
            *to = to.saturating_add(space_of(&metadata));
        } else if shares == Sharing::Inode
            && !is_blob
            && let Some(Shared(links)) = &self.shared
            && links.get(&inode) == Some(taken)
        {
            // The store no longer holds the file. Only links outside the store do.
            freed.1 = freed.1.saturating_add(space_of(&metadata));
        }
    }
}
