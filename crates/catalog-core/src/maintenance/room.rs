//! Makes room on a disk that is too full to replace an index, even by the spare. A btrfs whose metadata is full
//! refuses each new name. A call that frees space must not need any.

use std::fs::File;
use std::path::PathBuf;

use super::leftovers::quarantined;
use super::unlink::{unlink, unlink_staging};
use crate::error::{CatalogError, Result};
use crate::root::{list_folder, sync_file_system};
use crate::state::RootState;

/// Something that no entry names, in the order in which it is given up.
#[derive(Debug)]
enum Unneeded {
    /// A staging area, if its owner died.
    Staging(PathBuf),
    /// An artifact that was moved aside to be removed.
    Removed(PathBuf),
    /// The file that writers overwrite when the disk is full. The next write makes a new one.
    Spare,
    /// The folder of a file that failed verification, with the evidence.
    Quarantined(PathBuf),
}

/// Makes a change that frees space. If the disk is full, files that no entry names are unlinked one after
/// the other, until the change succeeds.
///
/// # Errors
///
/// The errors of the change. [`CatalogError::Io`] for a full disk if nothing is left to be given up. A change
/// whose outcome is unknown is not made again.
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
                tracing::debug!(?unneeded, %error, "it could not be unlinked to make room");
                continue;
            }
        }
        tracing::warn!(?unneeded, "the disk is full: unlinked to make room");
        match change() {
            Err(error) if is_for_room(&error) => full = error,
            done => return done,
        }
    }
    Err(full)
}

/// Whether a change did not happen, as the disk is full.
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

/// Unlinks something in its place, as it cannot be renamed. Returns whether it was there.
fn give_up(state: &RootState, unneeded: &Unneeded) -> Result<bool> {
    let is_gone = match unneeded {
        Unneeded::Staging(path) => unlink_staging(state, path)?.is_some(),
        Unneeded::Removed(path) => unlink(path).map(|_| true)?,
        Unneeded::Spare => state.models.remove_spare(&state.limits)?,
        Unneeded::Quarantined(path) => {
            // A file on its way into quarantine is under this lock, too.
            let lock = state.artifacts.lock()?;
            let unlinked = unlink(path);
            drop(lock);
            unlinked.map(|_| true)?
        }
    };
    // Some file systems give the space only then. Whether they did shows when the change is made again.
    let synced = File::open(state.root.path()).and_then(|root| sync_file_system(&root));
    if let Err(error) = synced {
        tracing::debug!(%error, "the file system could not be synced");
    }
    Ok(is_gone)
}
