use std::path::Path;

use super::proof::valid_proof;
use crate::artifacts::{LocalModel, shard_set};
use crate::digest::{Assurance, Basis, Method};
use crate::entry::CatalogEntry;
use crate::error::Result;
use crate::index::Snapshot;
use crate::root::{Layout, is_on_disk};
use crate::state::{ModelRecord, RootState};

/// The facts about a registered model, from one look at its entry and its files.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegisteredModel {
    /// The entry.
    pub entry: CatalogEntry,
    /// Whether something is at the path of the entry. A shard of a set is there only if all shards
    /// of the set are.
    pub is_here: bool,
    /// Whether the path lies in the artifact store.
    pub is_managed: bool,
    /// The facts that prove that the bytes have the digest of the entry: the bytes were hashed, and
    /// device, inode, size and times of every file are as they were then.
    pub proof: Option<Assurance>,
    /// The source of the digest of the entry, as the latest verification or publication recorded it.
    /// It says nothing about the files as they are now.
    pub basis: Option<Basis>,
    /// The revision that the source resolved to, if it is known.
    pub revision: Option<String>,
    /// The size in bytes, if it is known.
    pub size: Option<u64>,
}

impl RegisteredModel {
    /// Looks at the path of an entry. Nothing else is known of the model.
    ///
    /// # Errors
    ///
    /// [`CatalogError::Io`](crate::CatalogError::Io) if the path cannot be looked at.
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
        }
    }
}

/// Returns the facts about the model that is registered under an id. Reads no byte of the model.
///
/// A proof can be so fresh that a later change would go unnoticed. It counts only for a caller that
/// waited for that verification: `since` is the catalog from before the wait.
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
        // What is proved is there.
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
        ..looked_at
    };
    // The indexes of the first edition hold neither.
    if model.is_managed
        && model.size.is_none()
        && let Ok(Some(manifest)) = state.artifacts.manifest_at(&model.entry.local_path)
    {
        model.size = Some(manifest.size());
        model.basis = model.basis.or(Some(manifest.basis));
        model.revision = manifest.revision;
    }
    Ok(Some(model))
}

/// Returns false for a shard of a set that lacks another shard. It does not list folders.
fn is_complete(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(shard_set).is_none() || LocalModel::resolve(path).is_ok()
}
