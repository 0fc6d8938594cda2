use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::claim::{Claim, Owner, owner_of};
use crate::error::{CatalogError, Result};
use crate::root::{Locking, StagingFolder, StoreRoot, free_space, list_folder};

/// Refuses `needed` bytes for `own`, written ones included, if the rest may not fit beside the
/// bytes that others have reserved and not written yet. The caller holds the lock of artifacts.
pub(super) fn admit(
    root: &StoreRoot,
    locking: Locking,
    budget: Option<u64>,
    own: &StagingFolder,
    needed: u64,
) -> Result<()> {
    let written = space_taken(&own.artifact().files(), &mut BTreeSet::new())?;
    let needed = needed.saturating_sub(written);
    if needed == 0 {
        return Ok(());
    }
    let mut reserved = 0_u64;
    let mut holders = Vec::new();
    for (path, kind) in list_folder(&root.layout().staging())? {
        let folder = StagingFolder::new(path);
        if !kind.is_dir() || folder == *own || matches!(owner_of(&folder, locking)?, Owner::Died(_))
        {
            continue;
        }
        if let Some(claim) = Claim::read(&folder.claim())? {
            let written = space_taken(&folder.artifact().files(), &mut BTreeSet::new())?;
            let outstanding = claim.needed.saturating_sub(written);
            if outstanding > 0 {
                reserved = reserved.saturating_add(outstanding);
                holders.push(format!("process {} for {:?}", claim.holder, claim.id));
            }
        }
    }
    let on_disk = free_space(root.path())
        .map_err(|error| CatalogError::io("ask for the free space of", root.path(), error))?;
    let in_budget = match budget {
        None => None,
        Some(budget) => Some(budget.saturating_sub(space_of_store(root)?)),
    };
    let free = match (on_disk, in_budget) {
        (Some(disk), Some(budget)) => disk.min(budget),
        (Some(free), None) | (None, Some(free)) => free,
        (None, None) => return Ok(()),
    };
    if needed <= free.saturating_sub(reserved) {
        return Ok(());
    }
    let holders = match &holders[..] {
        [] => String::new(),
        some => format!(" by {}", some.join(", ")),
    };
    Err(CatalogError::NoSpace {
        root: root.path().to_path_buf(),
        needed,
        free,
        reserved,
        holders,
    })
}

/// Returns the number of bytes of disk that the artifact store takes, with the quarantine.
pub(crate) fn space_of_store(root: &StoreRoot) -> Result<u64> {
    let layout = root.layout();
    let mut seen = BTreeSet::new();
    let mut total = 0_u64;
    let quarantine = layout.quarantine();
    for folder in [
        layout.blobs(),
        layout.artifacts(),
        layout.staging(),
        quarantine,
    ] {
        total = total.saturating_add(space_taken(&folder, &mut seen)?);
    }
    Ok(total)
}

/// Returns the number of bytes of disk that the files below a folder take, each counted once,
/// without those `seen`. A folder that another account made for itself, in a staging area of its own,
/// counts as empty.
fn space_taken(folder: &Path, seen: &mut BTreeSet<(u64, u64)>) -> Result<u64> {
    let mut total = 0_u64;
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = match list_folder(&folder) {
            Err(CatalogError::PermissionDenied { .. }) => continue,
            // Deeper than any path can be: no model is.
            Err(CatalogError::Io { source, .. })
                if source.kind() == io::ErrorKind::InvalidFilename =>
            {
                continue;
            }
            listed => listed?,
        };
        for (path, kind) in entries {
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            // What is gone by now takes nothing.
            if let Ok(metadata) = fs::symlink_metadata(&path)
                && seen.insert((metadata.dev(), metadata.ino()))
            {
                total = total.saturating_add(space_of(&metadata));
            }
        }
    }
    Ok(total)
}

/// Returns the number of bytes of disk that the removal of a path frees: those of its files that
/// have no other name. A folder that cannot be read counts as empty.
pub(crate) fn space_below(path: &Path) -> u64 {
    let mut total = 0_u64;
    let mut paths = vec![path.to_path_buf()];
    while let Some(path) = paths.pop() {
        // What is gone by now frees nothing.
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        if metadata.is_dir() {
            let entries = list_folder(&path).unwrap_or_default();
            paths.extend(entries.into_iter().map(|(path, _)| path));
        } else if metadata.nlink() == 1 {
            total = total.saturating_add(space_of(&metadata));
        }
    }
    total
}

/// Returns the number of bytes of disk that a file takes; less than its size if it has holes.
pub(crate) fn space_of(metadata: &fs::Metadata) -> u64 {
    metadata.blocks().saturating_mul(512)
}
