use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::claim::{Claim, Owner, own_claim, owner_of};
use super::store::ArtifactStore;
use crate::error::{CatalogError, Result};
use crate::root::{EntryKind, StagingFolder, StoreRoot, free_space, is_there, list_folder};

/// The room that staged bytes need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// The bytes are written. They need room on the disk and in the budget.
    DiskAndBudget,
    /// The bytes are shared with an existing file. They need room in the budget, and none on the
    /// disk.
    Budget,
}

/// A reservation of another staging area.
struct Other {
    folder: StagingFolder,
    claim: Claim,
}

/// Fails if `needed` bytes for the staging area `own` may not fit. The bytes that it has written
/// already are included in `needed`. The bytes that other staging areas have reserved and not yet
/// written count as used. The caller holds the lock of artifacts.
pub(super) fn admit(
    store: &ArtifactStore,
    own: &StagingFolder,
    needed: u64,
    room: Room,
) -> Result<()> {
    let root = &store.root;
    let on_disk = match room {
        Room::Budget => None,
        Room::DiskAndBudget => free_space(root.path())
            .map_err(|error| CatalogError::io("ask for the free space of", root.path(), error))?
            .map(i128::from),
    };
    let in_budget = match store.budget {
        None => None,
        Some(budget) => Some(i128::from(budget) - i128::from(space_of_store(root)?)),
    };
    let free = match (on_disk, in_budget) {
        (Some(disk), Some(budget)) => disk.min(budget),
        (Some(free), None) | (None, Some(free)) => free,
        (None, None) => return Ok(()),
    };
    let written = space_taken(&own.artifact().files(), &mut BTreeSet::new())?;
    let needed = needed.saturating_sub(written);
    let mut others = reserved_by_others(store, own)?;
    // First assume that the others have written nothing. If the bytes fit then, their files need
    // not be read.
    let most = others
        .iter()
        .fold(0, |sum, other| sum + i128::from(other.claim.needed));
    if i128::from(needed) <= free - most {
        return Ok(());
    }
    for other in &mut others {
        let files = other.folder.artifact().files();
        other.claim.needed = match is_there(&files)? {
            true => {
                let written = space_taken(&files, &mut BTreeSet::new())?;
                other.claim.needed.saturating_sub(written)
            }
            // The model was published, so its bytes count as part of the store.
            false => 0,
        };
    }
    others.retain(|other| other.claim.needed > 0);
    let reserved = others
        .iter()
        .fold(0_u64, |sum, other| sum.saturating_add(other.claim.needed));
    if i128::from(needed) <= free - i128::from(reserved) {
        return Ok(());
    }
    let holders: Vec<String> = others
        .iter()
        .map(|other| format!("process {} for {:?}", other.claim.holder, other.claim.id))
        .collect();
    let holders = match &holders[..] {
        [] => String::new(),
        some => format!(" by {}", some.join(", ")),
    };
    Err(CatalogError::NoSpace {
        root: root.path().to_path_buf(),
        needed,
        free: u64::try_from(free).unwrap_or(0),
        reserved,
        holders,
    })
}

/// Returns the reservations of all other staging areas whose owners are alive.
fn reserved_by_others(store: &ArtifactStore, own: &StagingFolder) -> Result<Vec<Other>> {
    let mut others = Vec::new();
    for (path, kind) in list_folder(&store.layout().staging())? {
        let folder = StagingFolder::new(path);
        if !kind.is_dir() || folder == *own {
            continue;
        }
        let claim = match own_claim(&folder) {
            Some(claim) => Some(claim),
            None if matches!(owner_of(&folder, store.locking())?, Owner::Died(_)) => None,
            None => Claim::read(&folder.claim())?,
        };
        if let Some(claim) = claim.filter(|claim| claim.needed > 0) {
            others.push(Other { folder, claim });
        }
    }
    Ok(others)
}

/// Returns the number of bytes of disk that the artifact store takes, including the quarantine and
/// the files that are being removed.
pub(crate) fn space_of_store(root: &StoreRoot) -> Result<u64> {
    let layout = root.layout();
    let mut seen = BTreeSet::new();
    let mut total = 0_u64;
    for folder in [
        layout.blobs(),
        layout.artifacts(),
        layout.staging(),
        layout.removed(),
        layout.quarantine(),
    ] {
        total = total.saturating_add(space_taken(&folder, &mut seen)?);
    }
    Ok(total)
}

/// Returns the number of bytes of disk that the files below a folder take. A file with several
/// links counts once, and the files in `seen` do not count. A private folder of another account, in
/// a staging area of that account, counts as empty.
fn space_taken(folder: &Path, seen: &mut BTreeSet<(u64, u64)>) -> Result<u64> {
    let mut total = 0_u64;
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for (path, kind) in readable_entries(&folder)? {
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            // A file that no longer exists takes no space.
            if let Ok(metadata) = fs::symlink_metadata(&path)
                && seen.insert((metadata.dev(), metadata.ino()))
            {
                total = total.saturating_add(space_of(&metadata));
            }
        }
    }
    Ok(total)
}

/// Returns the number of bytes that were written below a staging area. Files that have a link
/// elsewhere do not count. The space that a file system allocates in advance for a growing file
/// does not count either.
pub(super) fn space_written(folder: &Path) -> Result<u64> {
    let mut total = 0_u64;
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for (path, kind) in readable_entries(&folder)? {
            if kind.is_dir() {
                folders.push(path);
            } else if let Ok(metadata) = fs::symlink_metadata(&path)
                && metadata.nlink() == 1
            {
                let most = metadata.len().next_multiple_of(BLOCK);
                total = total.saturating_add(space_of(&metadata).min(most));
            }
        }
    }
    Ok(total)
}

/// The maximum block size of common file systems, in bytes.
const BLOCK: u64 = 64 << 10;

/// Lists a folder of a staging area. A private folder of another account counts as empty.
fn readable_entries(folder: &Path) -> Result<Vec<(PathBuf, EntryKind)>> {
    match list_folder(folder) {
        Err(CatalogError::PermissionDenied { .. }) => Ok(Vec::new()),
        // The path is longer than the system permits. No model has files at that depth.
        Err(CatalogError::Io { source, .. }) if source.kind() == io::ErrorKind::InvalidFilename => {
            Ok(Vec::new())
        }
        listed => listed,
    }
}

/// Returns the number of bytes of disk that the removal of a path would free: the space of its
/// files that have no other link. A folder that cannot be read counts as empty.
pub(crate) fn space_below(path: &Path) -> u64 {
    let mut total = 0_u64;
    let mut paths = vec![path.to_path_buf()];
    while let Some(path) = paths.pop() {
        // A file that no longer exists frees no space.
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

/// Returns the number of bytes of disk that a file takes. It is less than its size if the file has
/// holes.
pub(crate) fn space_of(metadata: &fs::Metadata) -> u64 {
    metadata.blocks().saturating_mul(512)
}
