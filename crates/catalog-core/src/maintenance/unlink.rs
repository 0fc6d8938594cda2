//! Unlinks what is in nobody's use, where it lies.

use std::path::Path;

use crate::artifacts::{Owner, owner_of, space_below};
use crate::error::Result;
use crate::root::{StagingFolder, is_folder, remove_artifact};
use crate::state::RootState;

/// Unlinks a file or folder, and returns the number of bytes that this freed.
pub(super) fn unlink(path: &Path) -> Result<u64> {
    let space = space_below(path);
    remove_artifact(path)?;
    Ok(space)
}

/// Removes a staging area whose owner died.
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
    // Its lock is held until it is gone; nobody makes a claim in a folder that is there.
    match owner? {
        Owner::Lives => Ok(None),
        Owner::Died(_claim) => unlink(path).map(Some),
    }
}
