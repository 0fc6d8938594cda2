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
    /// The recovery of `pins.json`; its entries are named by owner, a space and id.
    pub pins: IndexRecovery,
    /// The links, pipes, devices and other foreign things that lay where the store keeps files or folders.
    pub kept_aside: Vec<KeptAside>,
}

/// Restores the damaged or lost indexes of a root, and reports the action for each entry. An intact
/// index is left alone.
///
/// Before that, a link, pipe, device, file or folder at a path where the store keeps something else gets
/// another name: `NAME.damaged-NUMBER` in the root. The next write makes what belongs at its path.
///
/// An intact line is kept. Other entries are restored from the previous generation, which every
/// write leaves beside the index: so the last change of a damaged entry, or the last deletion, may
/// be undone. The damaged file stays under another name.
///
/// # Errors
///
/// [`CatalogError::IndexTooNew`](crate::CatalogError::IndexTooNew) if a newer release wrote an
/// index, and the errors of reading and writing. An index that was not reached is as it was.
pub fn recover(root: impl AsRef<Path>) -> Result<Recovery> {
    StoreOptions::default().recover(root)
}

impl StoreOptions {
    /// Does the work of [`recover`] on a root that needs other options, such as its locking.
    ///
    /// # Errors
    ///
    /// The errors of [`recover`].
    pub fn recover(&self, root: impl AsRef<Path>) -> Result<Recovery> {
        recover_state(&RootState::open(root.as_ref(), *self)?)
    }
}

fn recover_state(state: &RootState) -> Result<Recovery> {
    // A root of a newer release is left alone.
    if let Err(error @ CatalogError::IndexTooNew { .. }) = state.models.snapshot() {
        return Err(error);
    }
    let kept_aside = keep_foreign_aside(state.root.layout())?;
    // The models' index last: once it is of this edition, the others have to be there.
    let engines = index::recover(&state.engines, &state.limits)?;
    let pins = index::recover(&state.pins, &state.limits)?;
    Ok(Recovery {
        models: index::recover(&state.models, &state.limits)?,
        engines,
        pins,
        kept_aside,
    })
}
