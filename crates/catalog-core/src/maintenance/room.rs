//! Makes room on a disk that is too full to replace an index, even with the spare file. For
//! example, a btrfs file system whose metadata is full refuses every new name. A call that frees
//! space must work without free space.

use std::fs::File;
use std::path::PathBuf;

use super::leftovers::quarantined;
use super::unlink::{unlink, unlink_staging};
use crate::error::{CatalogError, Result};
use crate::root::{list_folder, sync_file_system};
use crate::state::RootState;

/// An object that no entry names. The variants are in the order in which the objects are unlinked.
#[derive(Debug)]
enum Unneeded {
    /// A staging area. It is unlinked only if its owner died.
    Staging(PathBuf),
    /// An artifact that was moved aside to be removed.
    Removed(PathBuf),
    /// The spare file, which writers overwrite when the disk is full. The next write creates a new
    /// one.
    Spare,
    /// The folder of a file that failed verification, with the evidence.
    Quarantined(PathBuf),
}

/// Makes a change that frees space. If the change fails because the disk is full, the call unlinks
/// files that no entry names, one after the other, until the change succeeds.
///
/// # Errors
///
/// The errors of the change. [`CatalogError::Io`] if the disk is still full and nothing is left to
/// unlink. A change whose outcome is unknown is not repeated.
pub(crate) fn making_room<T>(
    state: &RootState,
    mut change: impl FnMut() -> Result<T>,
) -> Result<T> {
    let mut full = match change() {
        Err(error) if is_for_room(&error) => error,
        done => return done,
    };
    for unneeded in unneeded(state)? {
        match give_up(state, &unneeded) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => {
                tracing::debug!(?unneeded, %error, "an unneeded file could not be unlinked");
                continue;
            }
        }
        tracing::warn!(
            ?unneeded,
            "the disk is full; an unneeded file was unlinked to make room"
        );
        match change() {
            Err(error) if is_for_room(&error) => full = error,
            done => return done,
        }
    }
    Err(full)
}

/// Returns true if a change was not made because the disk is full.
fn is_for_room(error: &CatalogError) -> bool {
    matches!(error, CatalogError::Io { .. }) && error.is_full()
}

fn unneeded(state: &RootState) -> Result<Vec<Unneeded>> {
    let layout = state.root.layout();
    let paths = |folder: PathBuf| {
        let listed = list_folder(&folder)?.into_iter();
        Ok::<_, CatalogError>(listed.map(|(path, _)| path))
    };
    let mut all: Vec<Unneeded> = paths(layout.staging())?.map(Unneeded::Staging).collect();
    all.extend(paths(layout.removed())?.map(Unneeded::Removed));
    all.push(Unneeded::Spare);
    let folders = quarantined(state)?.into_iter();
    let folders = folders.filter_map(|file| Some(file.path.parent()?.to_path_buf()));
    all.extend(folders.map(Unneeded::Quarantined));
    Ok(all)
}

/// Unlinks an object without renaming it first, because a full disk may refuse a rename. Returns
/// true if the object existed.
fn give_up(state: &RootState, unneeded: &Unneeded) -> Result<bool> {
    let is_gone = match unneeded {
        Unneeded::Staging(path) => unlink_staging(state, path)?.is_some(),
        Unneeded::Removed(path) => unlink(path).map(|_| true)?,
        Unneeded::Spare => state.models.remove_spare(&state.limits)?,
        Unneeded::Quarantined(path) => {
            // A process that moves a file to quarantine holds this lock, too.
            let lock = state.artifacts.lock()?;
            let unlinked = unlink(path);
            drop(lock);
            unlinked.map(|_| true)?
        }
    };
    // Some file systems free the space only at a sync. The next attempt of the change shows whether
    // they did.
    let synced = File::open(state.root.path()).and_then(|root| sync_file_system(&root));
    if let Err(error) = synced {
        tracing::debug!(%error, "the file system could not be synced");
    }
    Ok(is_gone)
}
