use std::path::Path;

use crate::error::{CatalogError, Result};
use crate::index::{self, IndexRecovery};
use crate::root::{KeptAside, keep_foreign_aside};
use crate::state::{RootState, StoreOptions};

/// The result of [`recover`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// The recovery of `index.json`.
    pub models: IndexRecovery,
    /// The recovery of `engines.json`.
    pub engines: IndexRecovery,
    /// The recovery of `pins.json`. The name of an entry is the owner, a space and the id of the
    /// model.
    pub pins: IndexRecovery,
    /// The links, pipes, devices and other foreign objects that lay at paths of the store.
    pub kept_aside: Vec<KeptAside>,
}

/// Restores the damaged or lost indexes of a root, and reports the action for each entry. An intact
/// index is not changed.
///
/// First, the call checks the paths of the store. If a link, a pipe, a device, a file or a folder
/// lies at a path where the store keeps something else, it is renamed to `NAME.damaged-NUMBER` in
/// the root. The next write of the store creates the proper file or folder.
///
/// Then the indexes are restored. An intact line of an index is kept. The other entries are
/// restored from the previous generation, which every write leaves beside the index. So the
/// recovery may undo the last change of a damaged entry, or the last deletion. The damaged file
/// stays under another name.
///
/// # Errors
///
/// [`CatalogError::IndexTooNew`](crate::CatalogError::IndexTooNew) if a newer release wrote an
/// index, and the errors of reading and writing. After an error, the indexes that the call had not
/// reached are unchanged.
pub fn recover(root: impl AsRef<Path>) -> Result<Recovery> {
    StoreOptions::default().recover(root)
}

impl StoreOptions {
    /// Restores indexes as [`recover`] does, on a root that is opened with these options, such as
    /// another kind of locks.
    ///
    /// # Errors
    ///
    /// The errors of [`recover`].
    pub fn recover(&self, root: impl AsRef<Path>) -> Result<Recovery> {
        recover_state(&RootState::open(root.as_ref(), *self)?)
    }
}

fn recover_state(state: &RootState) -> Result<Recovery> {
    // The root of a newer release is not changed.
    if let Err(error @ CatalogError::IndexTooNew { .. }) = state.models.snapshot() {
        return Err(error);
    }
    let kept_aside = keep_foreign_aside(state.root.layout())?;
    // The index of the models is recovered last: once it has the format of this edition, the other
    // indexes must exist.
    let engines = index::recover(&state.engines, &state.limits)?;
    let pins = index::recover(&state.pins, &state.limits)?;
    Ok(Recovery {
        models: index::recover(&state.models, &state.limits)?,
        engines,
        pins,
        kept_aside,
    })
}
