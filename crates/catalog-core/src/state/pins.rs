use super::pin_record::PinRecord;
use super::root_state::RootState;
use crate::error::{CatalogError, Result};
use crate::reference::{ModelId, redact_text, shown_id, text_holds_secret};
use crate::root::now_ms;

/// Returns an error if the model is pinned.
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

/// Protects a model from deletion and collection until its owner unpins it. A second pin by the
/// same owner replaces the first. Secrets in the reason are redacted before the reason is stored.
///
/// # Errors
///
/// [`CatalogError::NotFound`] if there is no such entry, [`CatalogError::InvalidEntry`] if the
/// owner is not one word or holds a secret.
pub(crate) fn pin(state: &RootState, id: &ModelId, owner: &str, reason: &str) -> Result<()> {
    let key = key_of(id, owner)?;
    let reason = redact_text(reason);
    state.pins.update(&state.limits, |edit| {
        // Deletion takes the same lock, so the entry cannot go between this check and the write.
        if state.models.snapshot()?.get(id.as_str()).is_none() {
            return Err(state.no_such_model(id));
        }
        let since_ms = match edit.get(&key) {
            Some(pin) if pin.reason == reason => pin.since_ms,
            _ => now_ms(),
        };
        let record = PinRecord { reason, since_ms };
        edit.insert(&key, record);
        Ok(())
    })
}

/// Removes the pin of one owner. Returns true if there was such a pin.
///
/// # Errors
///
/// [`CatalogError::InvalidEntry`] if the owner is not one word or holds a secret.
pub(crate) fn unpin(state: &RootState, id: &ModelId, owner: &str) -> Result<bool> {
    let key = key_of(id, owner)?;
    state
        .pins
        .update(&state.limits, |edit| Ok(edit.remove(&key).is_some()))
}

fn key_of(id: &ModelId, owner: &str) -> Result<String> {
    let is_word = !owner.is_empty()
        && owner.len() <= 128
        && !owner.contains(|c: char| c.is_whitespace() || c.is_control());
    let problem = if !is_word {
        "the owner of a pin is a word of up to 128 bytes without white space"
    } else if text_holds_secret(owner) {
        "the owner of a pin is shown to others, and this one holds a secret; give a name"
    } else {
        return Ok(format!("{owner} {id}"));
    };
    Err(CatalogError::InvalidEntry {
        id: id.to_string(),
        problem,
    })
}
