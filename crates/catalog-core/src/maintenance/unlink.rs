//! Unlinks files and folders that no process uses, without moving them aside first.

use std::path::Path;

use crate::artifacts::{Owner, owner_of, space_below};
use crate::error::Result;
use crate::root::{StagingFolder, is_folder, remove_artifact};
use crate::state::RootState;

/// Unlinks a file or folder, and returns the number of bytes that this frees.
pub(super) fn unlink(path: &Path) -> Result<u64> {
    let space = space_below(path);
    remove_artifact(path)?;
    Ok(space)
}

/// Removes a staging area if its owner died. Returns the number of freed bytes, or `None` if the
/// owner lives.
pub(super) fn unlink_staging(state: &RootState, path: &Path) -> Result<Option<u64>> {
    let folder = StagingFolder::new(path.to_path_buf());
    let artifacts = &state.artifacts;
    let lock = artifacts.lock()?;
    let owner = match is_folder(path) {
        Ok(true) => owner_of(&folder, artifacts.locking()),
        Ok(false) => Ok(Owner::Died(None)),
        Err(error) => Err(error),
    };
    drop(lock);
    // `_claim` holds the lock of the area until the area is removed, and no process claims a folder
    // that exists.
    match owner? {
        Owner::Lives => Ok(None),
        Owner::Died(_claim) => unlink(path).map(Some),
    }
}
