use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::root::{IndexFile, StoreRoot};

/// Fields that a newer release of the same schema version wrote, as they stand in the file; they
/// outlive a rewrite by this one.
pub(crate) type ExtraFields = BTreeMap<String, RawJson>;

/// JSON that is kept to the letter: a number may have more digits than any type here.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(crate) struct RawJson(pub(super) Box<RawValue>);

impl PartialEq for RawJson {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl RawJson {
    pub(crate) fn text(&self) -> &str {
        self.0.get()
    }
}

/// The fields of a JSON object that are not among the known ones.
pub(super) fn extra_fields(object: &str, known: &[&str]) -> serde_json::Result<ExtraFields> {
    let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(object)?;
    fields.retain(|name, _| !known.contains(&name.as_str()));
    Ok(fields
        .into_iter()
        .map(|(name, value)| (name, RawJson(value)))
        .collect())
}

/// What an index stores under an id.
pub(crate) trait Record:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The file that holds records of this kind.
    const FILE: IndexFile;
    /// The schema version that this release writes, and the newest that it reads.
    const VERSION: u64;
    /// The names of the fields that this release knows.
    const FIELDS: &'static [&'static str];

    /// Brings what was read from disk into the form that this release writes, or says which rule
    /// of the format it breaks.
    fn normalise(&mut self, root: &StoreRoot) -> Result<(), &'static str>;

    /// The fields this release does not know. Deserialising leaves them empty.
    fn extra(&mut self) -> &mut ExtraFields;

    /// The record without what is true of this host only, such as when its clock said what.
    fn without_host(&self) -> Self {
        self.clone()
    }
}
