use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::disk::{IndexFile, StoreRoot};

/// Fields that a newer release of the same schema version wrote; they outlive a rewrite by this
/// one.
pub(crate) type Unknown = serde_json::Map<String, serde_json::Value>;

/// What an index stores under an id.
pub(crate) trait Record:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The file that holds records of this kind.
    const FILE: IndexFile;
    /// The schema version that this release writes, and the newest that it reads.
    const VERSION: u64;

    /// Brings what was read from disk into the form that this release writes, or says which rule
    /// of the format it breaks.
    fn normalise(&mut self, root: &StoreRoot) -> Result<(), &'static str>;

    /// The fields this release does not know.
    fn unknown(&mut self) -> &mut Unknown;
}
