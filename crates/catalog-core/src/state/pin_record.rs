use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::index::{Record, Snapshot};
use crate::reference::redact_text;
use crate::root::{IndexFile, StoreRoot};

/// A pin, which protects a model from deletion and collection until the pin is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pin {
    /// The catalog id of the model.
    pub id: String,
    /// The process or user that pinned the model: a word without white space, such as `pool-7`.
    pub owner: String,
    /// The reason of the pin, without secrets.
    pub reason: String,
    /// The time of the pin, in milliseconds since 1970.
    pub since_ms: u64,
}

/// The form in which `pins.json` holds a pin. Its key is the owner, a space and the id of the
/// model.
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
                // Older releases stored reasons without redaction.
                reason: redact_text(&record.reason),
                since_ms: record.since_ms,
            })
        })
    }
}
