use std::path::Path;

use crate::error::{CatalogError, Result};
use crate::index::{self, IndexRecovery};
use crate::state::RootState;
use crate::state::StoreOptions;

/// What [`recover`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// With `index.json`.
    pub models: IndexRecovery,
    /// With `engines.json`.
    pub engines: IndexRecovery,
    /// With `pins.json`; its entries are named by owner, a space and id.
    pub pins: IndexRecovery,
}

/// Replaces the damaged indexes of a root with the best state that can be had, and tells entry by
/// entry what that is. A whole index is left alone.
///
/// A line that is as it was written is kept. Entries of the generation before, which every write
/// leaves beside the index, fill in for the rest: so the last change of a damaged entry, or the
/// last deletion, may be undone. The damaged file stays under another name.
///
/// # Errors
///
/// [`CatalogError::IndexTooNew`](crate::CatalogError::IndexTooNew), and what reading and writing
/// fail with. An index that was not reached is as it was.
pub fn recover(root: impl AsRef<Path>) -> Result<Recovery> {
    let state = RootState::open(root.as_ref(), StoreOptions::default())?;
    // A root of a newer release is left alone.
    if let Err(error @ CatalogError::IndexTooNew { .. }) = state.models.snapshot() {
        return Err(error);
    }
    // The models' index last: once it is of this edition, the others have to be there.
    let engines = index::recover(&state.engines, &state.limits)?;
    let pins = index::recover(&state.pins, &state.limits)?;
    Ok(Recovery {
        models: index::recover(&state.models, &state.limits)?,
        engines,
        pins,
    })
}
