//! The journal of a staging area: its partial files, which a later process may continue.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::claim::{Owner, owner_of};
use super::space::space_below;
use super::store::ArtifactStore;
use super::text_file::read_text;
use crate::digest::{seal, unseal};
use crate::error::Result;
use crate::reference::ModelId;
use crate::root::{Layout, StagingFolder, create_whole, list_folder, remove_artifact};

/// The version of the format.
const VERSION: u32 = 1;

/// The maximum size of a journal in bytes.
const MAX: u64 = 64 << 20;

/// The journal of one staging area. A journal of another version counts as missing: its files are
/// fetched again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Journal {
    version: u32,
    /// The id of the model.
    pub(super) id: String,
    /// The partial files, by name.
    pub(super) files: BTreeMap<String, Partial>,
}

/// A file that was fetched in part or as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Partial {
    /// The version of the file at its source. Bytes of different versions never make one file.
    pub(super) source_version: String,
    /// The number of first bytes that are durable.
    pub(super) durable: u64,
    /// The SHA-256 of these bytes.
    pub(super) sha256: String,
}

impl Journal {
    pub(super) fn new(id: &ModelId) -> Self {
        Self {
            version: VERSION,
            id: id.to_string(),
            files: BTreeMap::new(),
        }
    }

    /// Reads the journal of a staging area. Returns `None` if there is no usable journal.
    pub(super) fn read(folder: &StagingFolder) -> Option<Self> {
        let text = read_text(&folder.journal(), MAX).ok()??;
        let journal: Self = serde_json::from_str(&unseal(&text).ok()?).ok()?;
        (journal.version == VERSION).then_some(journal)
    }

    /// Replaces the journal of a staging area. It is durable on return, except for its name.
    pub(super) fn write(&self, layout: &Layout, folder: &StagingFolder) -> Result<()> {
        let text = serde_json::to_string(self).expect("it has only text and numbers");
        create_whole(layout, &folder.journal(), seal(&text).as_bytes())
    }

    /// Returns true if a file of the journal is still in the staging area.
    fn has_files(&self, folder: &StagingFolder) -> bool {
        let files = folder.artifact().files();
        let is_kept = |(name, partial): (&String, &Partial)| {
            partial.durable > 0 && files.join(name).symlink_metadata().is_ok()
        };
        self.files.iter().any(is_kept)
    }
}

/// Returns the time of the last change of the partial files in an abandoned staging area. Returns
/// `None` if no process can continue them.
pub(crate) fn partial_files_since(staging: &Path) -> Option<SystemTime> {
    let folder = StagingFolder::new(staging.to_path_buf());
    let is_kept = Journal::read(&folder)?.has_files(&folder);
    let metadata = fs::symlink_metadata(folder.journal()).ok()?;
    is_kept.then(|| metadata.modified().ok()).flatten()
}

/// Removes the oldest partial files of other models that no process writes, until `missing` bytes
/// are free. Removes nothing, and returns false, if all of them have fewer bytes. The caller holds
/// the lock of artifacts.
pub(super) fn make_room(store: &ArtifactStore, id: &ModelId, missing: u64) -> Result<bool> {
    let mut all = Vec::new();
    for (path, _) in list_folder(&store.layout().staging())? {
        let folder = StagingFolder::new(path);
        let journal = Journal::read(&folder);
        if journal.is_some_and(|journal| journal.id != id.as_str())
            && let Some(since) = partial_files_since(folder.path())
            && let Owner::Died(Some(claim)) = owner_of(&folder, store.locking())?
        {
            all.push((since, space_below(folder.path()), folder, claim));
        }
    }
    let space = all.iter().map(|(_, space, ..)| *space);
    if space.fold(0, u64::saturating_add) < missing {
        return Ok(false);
    }
    all.sort_by_key(|(since, ..)| *since);
    let mut freed = 0;
    for (_, space, folder, claim) in all {
        if freed >= missing {
            break;
        }
        let path = folder.path().display();
        match remove_artifact(folder.path()) {
            Ok(()) => {
                tracing::info!(%path, "partial files were removed to make room");
                freed += space;
            }
            // They belong to another account.
            Err(error) => tracing::debug!(%path, %error, "partial files could not be removed"),
        }
        drop(claim);
    }
    Ok(freed >= missing)
}
