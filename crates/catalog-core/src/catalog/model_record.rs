use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::disk::{IndexFile, StoreRoot};
use crate::entry::{CatalogEntry, LifecycleState};
use crate::index::{Record, Unknown};

/// A model as `index.json` holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ModelRecord {
    /// Relative to the root, or absolute and outside of it.
    pub(super) local_path: String,
    pub(super) lifecycle: LifecycleState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_verified_ms: Option<u64>,
    #[serde(flatten, skip_deserializing)]
    unknown: Unknown,
}

impl ModelRecord {
    pub(super) fn new(entry: &CatalogEntry, stored_path: String) -> Self {
        Self {
            local_path: stored_path,
            lifecycle: entry.lifecycle,
            digest: entry.digest.clone(),
            last_verified_ms: entry.last_verified_ms,
            unknown: Unknown::new(),
        }
    }

    pub(super) fn entry(&self, id: &str, root: &StoreRoot) -> CatalogEntry {
        CatalogEntry {
            id: id.to_owned(),
            local_path: root.absolute(self.local_path.as_ref()),
            lifecycle: self.lifecycle,
            digest: self.digest.clone(),
            last_verified_ms: self.last_verified_ms,
        }
    }
}

impl Record for ModelRecord {
    const FILE: IndexFile = IndexFile::Models;
    const VERSION: u64 = 1;
    const FIELDS: &'static [&'static str] =
        &["local_path", "lifecycle", "digest", "last_verified_ms"];

    fn normalise(&mut self, root: &StoreRoot) -> Result<(), &'static str> {
        self.local_path = root
            .stored_form(&self.local_path)
            .ok_or("has a local_path that no artifact can have")?;
        if let Some(digest) = &mut self.digest {
            digest.algo.make_ascii_lowercase();
            digest.value.make_ascii_lowercase();
            if !digest.is_storable() {
                return Err("has a digest that is no algorithm and hexadecimal digits");
            }
        }
        Ok(())
    }

    fn unknown(&mut self) -> &mut Unknown {
        &mut self.unknown
    }
}
