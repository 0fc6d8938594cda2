use serde::{Deserialize, Serialize};

use super::root_state::RootState;
use crate::error::{CatalogError, Result};
use crate::index::{Record, Snapshot};
use crate::reference::shown_id;
use crate::root::{IndexFile, StoreRoot, now_ms};

/// Protects a model from being deleted or collected, until it is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pin {
    /// The catalog id of the model.
    pub id: String,
    /// Who pinned it: a word without white space, such as `pool-7`.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub since_ms: u64,
}

/// A pin as `pins.json` holds it, under its owner, a space and the id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PinRecord {
    reason: String,
    since_ms: u64,
}

impl Record for PinRecord {
    const FILE: IndexFile = IndexFile::Pins;
    const VERSION: u64 = 1;
    const FIELDS: &'static [&'static str] = &["reason", "since_ms"];

    fn normalise(&mut self, _: &StoreRoot) -> Result<(), &'static str> {
        Ok(())
    }
}

impl Snapshot<PinRecord> {
    pub(crate) fn pins(&self) -> impl Iterator<Item = Pin> {
        self.iter().filter_map(|(key, record)| {
            let (owner, id) = key.split_once(' ')?;
            Some(Pin {
                id: id.to_owned(),
                owner: owner.to_owned(),
                reason: record.reason.clone(),
                since_ms: record.since_ms,
            })
        })
    }
}

/// Fails if the model is pinned.
pub(crate) fn check_not_pinned(state: &RootState, id: &str) -> Result<()> {
    let found = state.pins.snapshot()?.pins().find(|pin| pin.id == id);
    match found {
        None => Ok(()),
        Some(pin) => Err(CatalogError::Pinned {
            id: shown_id(id),
            owner: pin.owner,
            reason: pin.reason,
        }),
    }
}

/// Protects a model from deletion and collection until its owner unpins it. A second pin of one
/// owner replaces the first.
///
/// # Errors
///
/// [`CatalogError::NotFound`] if there is no such entry, [`CatalogError::InvalidEntry`] for an
/// owner that is no word.
pub(crate) fn pin(state: &RootState, id: &str, owner: &str, reason: &str) -> Result<()> {
    let key = key_of(id, owner)?;
    state.pins.update(&state.limits, |edit| {
        // Under the lock that deletion takes, too.
        if state.models.snapshot()?.get(id).is_none() {
            return Err(state.no_such_model(id));
        }
        let since_ms = match edit.get(&key) {
            Some(pin) if pin.reason == reason => pin.since_ms,
            _ => now_ms(),
        };
        let record = PinRecord {
            reason: reason.to_owned(),
            since_ms,
        };
        edit.insert(&key, record);
        Ok(())
    })
}

/// Takes away the pin of one owner; tells whether there was one.
///
/// # Errors
///
/// As [`pin`](Self::pin).
pub(crate) fn unpin(state: &RootState, id: &str, owner: &str) -> Result<bool> {
    let key = key_of(id, owner)?;
    state
        .pins
        .update(&state.limits, |edit| Ok(edit.remove(&key).is_some()))
}

fn key_of(id: &str, owner: &str) -> Result<String> {
    let is_word = !owner.is_empty()
        && owner.len() <= 128
        && !owner.contains(|c: char| c.is_whitespace() || c.is_control());
    if is_word {
        return Ok(format!("{owner} {id}"));
    }
    Err(CatalogError::InvalidEntry {
        id: shown_id(id),
        problem: "the owner of a pin is a word of up to 128 bytes without white space",
    })
}
