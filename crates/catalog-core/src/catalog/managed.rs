use crate::artifacts::{Artifact, ArtifactStore, Lease, StagedFile};
use crate::progress::Progress;

use super::snapshot::CatalogSnapshot;
use crate::entry::{CatalogEntry, Expected};
use crate::error::Result;
use crate::maintenance::{BadFile, RepairReport, Verification};
use crate::reference::ModelId;
use crate::state::ModelLockAttempt;

/// The abilities of a catalog with an artifact store, proofs that outlive a process, leases, and
/// model locks that processes share. [`FsCatalog`](crate::FsCatalog) documents each.
pub trait ManagedCatalog: Send + Sync {
    /// [`FsCatalog::artifacts`](crate::FsCatalog::artifacts).
    fn artifacts(&self) -> &ArtifactStore;

    /// [`FsCatalog::lease`](crate::FsCatalog::lease).
    fn lease(&self, id: &str) -> Result<Lease>;

    /// [`FsCatalog::try_lock_model`](crate::FsCatalog::try_lock_model).
    fn try_lock_model(&self, id: &ModelId) -> Result<ModelLockAttempt>;

    /// [`FsCatalog::snapshot`](crate::FsCatalog::snapshot).
    fn snapshot(&self) -> Result<CatalogSnapshot>;

    /// [`FsCatalog::is_proved`](crate::FsCatalog::is_proved).
    fn is_proved(&self, entry: &CatalogEntry, since: Option<&CatalogSnapshot>) -> Result<bool>;

    /// [`FsCatalog::verify_candidate`](crate::FsCatalog::verify_candidate).
    fn verify_candidate(
        &self,
        entry: &CatalogEntry,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Verification>;

    /// [`FsCatalog::put_verified`](crate::FsCatalog::put_verified).
    fn put_verified(
        &self,
        entry: &CatalogEntry,
        verification: &Verification,
        expected: Expected<'_, CatalogEntry>,
    ) -> Result<()>;

    /// [`FsCatalog::register`](crate::FsCatalog::register).
    fn register(
        &self,
        artifact: &Artifact,
        expected: Expected<'_, CatalogEntry>,
    ) -> Result<CatalogEntry>;

    /// [`FsCatalog::repair`](crate::FsCatalog::repair).
    fn repair(
        &self,
        id: &str,
        fetch: &mut dyn FnMut(&BadFile<'_>, &mut StagedFile<'_>) -> Result<()>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<RepairReport>;
}
