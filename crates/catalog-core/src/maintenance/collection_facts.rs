use std::collections::BTreeMap;
use std::path::Path;

use super::skipped::Skipped;
use crate::artifacts::Manifest;
use crate::error::Result;
use crate::root::{Layout, Tombstone};
use crate::state::{ModelRecord, Refers, RootState};

/// The facts about a root that decide what a collection may remove.
pub(super) struct CollectionFacts {
    /// The manifests of all artifacts that can be read, by key.
    pub(super) manifests: BTreeMap<String, Manifest>,
    /// All models, by id.
    pub(super) models: Vec<(String, ModelRecord)>,
    /// The number of entries that name each artifact, by key.
    pub(super) users: BTreeMap<String, usize>,
    /// The tombstones of artifacts whose entries were deleted.
    pub(super) deleted: Vec<Tombstone>,
    /// The owner of a pin of each pinned model, by id.
    pub(super) pinned: BTreeMap<String, String>,
}

impl CollectionFacts {
    /// Reads the facts about a root. An artifact whose manifest cannot be read is added to
    /// `spared`: its model is unknown, and its files still use their blobs.
    pub(super) fn look(
        state: &RootState,
        spared: &mut Vec<Skipped<String, String>>,
    ) -> Result<Self> {
        let mut manifests = BTreeMap::new();
        // The manifests are read before the index. So an artifact that is published during the call
        // is not planned, and an entry that is registered during the call is seen.
        for key in state.artifacts.keys()? {
            match state.artifacts.manifest(&key) {
                Ok(manifest) => drop(manifests.insert(key, manifest)),
                Err(error) => spared.push(Skipped::new(key, error.to_string())),
            }
        }
        let mut users = BTreeMap::new();
        let models = state.models.snapshot()?;
        let engines = state.engines.snapshot()?;
        let tombstones = models.tombstones().iter().chain(engines.tombstones());
        let deleted = tombstones.cloned().collect();
        let references = models.iter().flat_map(|(_, record)| record.references());
        let engines = engines.iter().flat_map(|(_, record)| record.references());
        for reference in references.chain(engines) {
            if let Some(key) = Layout::key_of(Path::new(reference.stored)) {
                *users.entry(key.to_owned()).or_default() += 1;
            }
        }
        let pins = state.pins.snapshot()?;
        let models = models.iter();
        Ok(Self {
            manifests,
            models: models
                .map(|(id, record)| (id.to_owned(), record.clone()))
                .collect(),
            users,
            deleted,
            pinned: pins.pins().map(|pin| (pin.id, pin.owner)).collect(),
        })
    }
}
