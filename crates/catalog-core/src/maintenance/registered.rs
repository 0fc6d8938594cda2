use std::collections::BTreeSet;
use std::path::Path;

use super::proof::valid_proof;
use crate::artifacts::{LocalModel, shard_set};
use crate::digest::{Assurance, Basis, Method};
use crate::entry::CatalogEntry;
use crate::error::Result;
use crate::index::Snapshot;
use crate::reference::FilePatterns;
use crate::root::{Layout, is_on_disk};
use crate::state::{ModelRecord, RootState};

/// The facts about a registered model, read from its entry and from the metadata of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegisteredModel {
    /// The entry.
    pub entry: CatalogEntry,
    /// Whether the artifact exists at the path of the entry. For a shard, this is true only if all
    /// shards of its set exist.
    pub is_here: bool,
    /// Whether the path lies in the artifact store.
    pub is_managed: bool,
    /// The proof that the bytes have the digest of the entry, if there is a valid proof. The bytes
    /// were hashed, and the device, the inode, the size and the times of every file are still the
    /// same.
    pub proof: Option<Assurance>,
    /// The source of the digest of the entry, as the latest verification or publication recorded
    /// it. It proves nothing about the present files.
    pub basis: Option<Basis>,
    /// The revision to which the source resolved the reference, if it is known.
    pub revision: Option<String>,
    /// The size of the model in bytes, if it is known.
    pub size: Option<u64>,
    /// The patterns that chose the files. It is empty if all files of the reference were requested.
    pub patterns: BTreeSet<FilePatterns>,
}

impl RegisteredModel {
    /// Creates the facts about a model of which only the entry is known. Checks whether the
    /// artifact exists at the path of the entry.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`](crate::CatalogError::Io) if the metadata of the path cannot be read.
    pub fn of_entry(entry: CatalogEntry) -> Result<Self> {
        let is_here = is_on_disk(&entry.local_path)? && is_complete(&entry.local_path);
        Ok(Self {
            is_here,
            ..Self::unseen(entry)
        })
    }

    fn unseen(entry: CatalogEntry) -> Self {
        Self {
            entry,
            is_here: false,
            is_managed: false,
            proof: None,
            basis: None,
            revision: None,
            size: None,
            patterns: BTreeSet::new(),
        }
    }
}

/// Returns the facts about the model that is registered under an id. The call reads no byte of the
/// model.
///
/// If files were hashed directly after they were written, a later change can leave their times as
/// they are. Such a fresh proof counts only for a caller that waited for that verification. `since`
/// is a snapshot from before the wait.
pub(crate) fn registered(
    state: &RootState,
    id: &str,
    since: Option<&Snapshot<ModelRecord>>,
) -> Result<Option<RegisteredModel>> {
    let snapshot = state.models.snapshot()?;
    let Some(record) = snapshot.get(id) else {
        return Ok(None);
    };
    let entry = record.entry(id, &state.root);
    let before = since.map(|since| since.get(id));
    let proof = match valid_proof(state, record, before) {
        Err(error) if error.is_absence() => None,
        proof => proof?,
    };
    let looked_at = match proof {
        // The files of a valid proof exist.
        Some(_) => RegisteredModel {
            is_here: true,
            ..RegisteredModel::unseen(entry)
        },
        None => RegisteredModel::of_entry(entry)?,
    };
    let mut model = RegisteredModel {
        is_managed: Layout::key_of(Path::new(&record.local_path)).is_some(),
        proof: proof.map(|proof| Assurance {
            method: Some(Method::Fingerprint),
            ..proof.verification(record.digest.as_ref()).assurance
        }),
        basis: record.proof.as_ref().map(|proof| proof.basis),
        revision: record.revision.clone(),
        size: record.size,
        patterns: record.patterns.clone(),
        ..looked_at
    };
    // The indexes of the first edition hold neither the size nor the revision.
    if model.is_managed
        && model.size.is_none()
        && let Ok(Some(manifest)) = state.artifacts.manifest_at(&model.entry.local_path)
    {
        model.size = Some(manifest.size());
        model.basis = model.basis.or(Some(manifest.basis));
        model.revision = manifest.revision;
        model.patterns = manifest.patterns;
    }
    Ok(Some(model))
}

/// Returns false for a shard whose set lacks another shard. For any other path, returns true
/// without a look at the disk.
fn is_complete(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(shard_set).is_none() || LocalModel::resolve(path).is_ok()
}
