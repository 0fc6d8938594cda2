use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::store::ArtifactStore;
use super::text_file::read_text;
use crate::digest::{seal, unseal};
use crate::error::{CatalogError, Result};
use crate::root::{
    FileLock, LockMode, Locking, StagingFolder, WriterLock, create_file, create_own_folder,
    create_unique_folder, describe_this_process, open_own_file, poll,
};

/// The claim of the owner of a staging area. The lock on its file shows that the owner is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    /// The id of the model that is being staged.
    pub(super) id: String,
    /// The total number of bytes that the model will take.
    pub(super) needed: u64,
    /// A description of the owner: the id of its process, the time of the claim in seconds since
    /// 1970, and its program.
    pub(super) holder: String,
}

/// The claims of this process, by the folder of the staging area. A reservation reads them here and
/// not from the files.
static OWN_CLAIMS: Mutex<BTreeMap<PathBuf, Claim>> = Mutex::new(BTreeMap::new());

/// Records a claim of this process: the id of the model, and the total number of bytes that it will
/// take.
pub(super) fn note_own_claim(folder: &StagingFolder, id: &str, needed: u64) {
    own_claims().insert(folder.path().to_path_buf(), Claim::new(id, needed));
}

/// Removes the record of a claim of this process.
pub(super) fn forget_own_claim(folder: &StagingFolder) {
    own_claims().remove(folder.path());
}

/// Returns the claim of this process on a staging area, if it has one.
pub(super) fn own_claim(folder: &StagingFolder) -> Option<Claim> {
    own_claims().get(folder.path()).cloned()
}

fn own_claims() -> MutexGuard<'static, BTreeMap<PathBuf, Claim>> {
    OWN_CLAIMS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Claim {
    pub(super) fn new(id: &str, needed: u64) -> Self {
        Self {
            id: crate::reference::shown_id(id),
            needed,
            holder: describe_this_process(),
        }
    }

    pub(super) fn to_text(&self) -> String {
        seal(&serde_json::to_string(self).expect("it has only text and numbers"))
    }

    /// Reads a claim, if it exists. A claim that is damaged reserves nothing.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let text = match read_text(path, 1 << 20) {
            Err(CatalogError::StoreDamaged { .. }) => return Ok(None),
            read => read?.unwrap_or_default(),
        };
        let claim = unseal(&text).ok().map(|text| serde_json::from_str(&text));
        Ok(claim.and_then(Result::ok))
    }
}

/// The state of the owner of a staging area.
#[derive(Debug)]
pub(crate) enum Owner {
    Lives,
    /// The owner is dead. The holder of this lock may remove the staged files.
    Died(Option<FileLock>),
}

/// Returns whether the owner of a staging area is alive. The caller should hold the lock of
/// artifacts: without it, a claim that is just being created looks abandoned.
pub(crate) fn owner_of(folder: &StagingFolder, locking: Locking) -> Result<Owner> {
    let path = folder.claim();
    // No owner has a pipe or a link as its claim.
    if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
        return Ok(Owner::Died(None));
    }
    let Some(file) = open_own_file(&path, OpenOptions::new().read(true))? else {
        return Ok(Owner::Died(None));
    };
    match FileLock::try_acquire(file, &path, LockMode::Exclusive, locking)? {
        Ok(lock) => Ok(Owner::Died(Some(lock))),
        Err(_) => Ok(Owner::Lives),
    }
}

/// Creates a folder for a staging area, with the lock that shows that its owner is alive. The
/// caller holds the lock of artifacts, so no other process sees the folder without the lock.
pub(super) fn make_claimed_folder(
    store: &ArtifactStore,
    _: &WriterLock,
    id: &str,
) -> Result<(StagingFolder, FileLock)> {
    let staging = store.layout().staging();
    create_own_folder(store.layout(), &staging)?;
    let folder = create_unique_folder(store.layout(), &staging)?;
    let claimed = StagingFolder::new(folder.path().to_path_buf());
    let path = claimed.claim();
    let mut file = create_file(store.layout(), &path)
        .map_err(|error| CatalogError::io("create", &path, error))?;
    file.write_all(Claim::new(id, 0).to_text().as_bytes())
        .map_err(|error| CatalogError::io("write", &path, error))?;
    let mut file = Some(file);
    // Another process can hold this lock only for a moment, to test whether the owner is alive.
    let claim = poll(&store.limits, store.lock_wait(), || {
        let Some(free) = file.take() else {
            return Ok(None);
        };
        let tried = FileLock::try_acquire(free, &path, LockMode::Exclusive, store.locking())?;
        Ok(tried.map_err(|taken| file = Some(taken)).ok())
    });
    let Some(claim) = claim? else {
        return Err(CatalogError::InUse { path });
    };
    // From now on the owner of the folder removes it.
    let _ = folder.keep();
    Ok((claimed, claim))
}

#[cfg(test)]
mod tests {
    use super::Claim;

    /// CAT-837
    #[test]
    fn a_damaged_claim_reserves_nothing() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("claim");
        for content in [vec![b'a'; 2 << 20], vec![0xff; 10], b"{}".to_vec()] {
            std::fs::write(&path, content).expect("a file can be written");
            let claim = Claim::read(&path).expect("it is no error");
            assert!(claim.is_none());
        }
    }
}
