use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::index::{Record, Snapshot};
use crate::reference::redact_text;
use crate::root::{IndexFile, StoreRoot};

/// Protects a model from being deleted or collected, until it is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pin {
    /// The catalog id of the model.
    pub id: String,
    /// The process or user that pinned it: a word without white space, such as `pool-7`.
    pub owner: String,
    /// Why, without secrets.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub since_ms: u64,
}

/// A pin as `pins.json` holds it, under its owner, a space and the id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PinRecord {
    pub(super) reason: String,
    pub(super) since_ms: u64,
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
                // An older release stored reasons as they were given.
                reason: redact_text(&record.reason),
                since_ms: record.since_ms,
            })
        })
    }
}
