use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::root::{IndexFile, StoreRoot};

/// A value that an index stores under an id.
pub(crate) trait Record:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The file that holds records of this kind.
    const FILE: IndexFile;
    /// The schema version that this release writes. It is also the newest version that this release
    /// reads.
    const VERSION: u64;
    /// The names of the fields that this release knows. Other fields are kept with their exact
    /// text, because a newer release of the same version wrote them.
    const FIELDS: &'static [&'static str];

    /// Converts a record that was read from disk into the form that this release writes. The error
    /// is the rule of the format that the record breaks.
    fn normalise(&mut self, root: &StoreRoot) -> Result<(), &'static str>;

    /// Returns the record without the facts that are true on this host only, such as times of its
    /// clock.
    fn without_host(&self) -> Self {
        self.clone()
    }
}
