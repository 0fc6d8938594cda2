use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::artifacts::{Sharing, space_of};

/// The number of links to each file that a plan removes.
#[derive(Debug, Default)]
pub(super) struct Links {
    taken: BTreeMap<(u64, u64), u64>,
    /// The files whose space is counted already.
    counted: BTreeSet<(u64, u64)>,
    /// The number of links in the store to each file that also has links outside, once they are
    /// counted.
    shared: Option<Shared>,
}

/// The number of links in the store to each file that also has links outside the store.
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
    /// Returns true if a blob is the only link to its file that the plan keeps, and if the plan has
    /// not counted its space yet.
    pub(super) fn is_orphan(&self, blob: &fs::Metadata) -> bool {
        let inode = (blob.dev(), blob.ino());
        let taken = self.taken.get(&inode).copied().unwrap_or(0);
        blob.nlink().saturating_sub(taken) == 1 && !self.counted.contains(&inode)
    }

    /// Returns the empty counts of links in the store, for the caller to fill. Returns `None` if
    /// they are filled already.
    pub(super) fn begin_shared(&mut self) -> Option<&mut Shared> {
        match self.shared {
            Some(_) => None,
            None => Some(self.shared.insert(Shared::default())),
        }
    }

    /// Plans the removal of one link to a file. Counts the space of the file when no other link is
    /// left, or only the link of its blob, which is removed with the last artifact.
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
