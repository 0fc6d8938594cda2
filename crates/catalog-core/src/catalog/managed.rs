use std::path::Path;

use super::snapshot::CatalogSnapshot;
use crate::artifacts::{Artifact, ImportRequest, Lease, StagedFile, Staging, VerifiedStaging};
use crate::entry::{CatalogEntry, Expected};
use crate::error::Result;
use crate::maintenance::registered::RegisteredModel;
use crate::maintenance::{BadFile, RepairReport, Verification};
use crate::progress::{Limits, Progress};
use crate::reference::ModelId;
use crate::state::ModelLockAttempt;

/// The abilities of a catalog on disk: an artifact store, proofs that outlive a process, leases, and
/// model locks for several processes. [`FsCatalog`](crate::FsCatalog) documents each.
pub trait ManagedCatalog: Send + Sync {
    /// Returns the same catalog for calls with limits.
    fn with_limits(&self, limits: Limits) -> Box<dyn ManagedCatalog>;

    /// [`FsCatalog::root`](crate::FsCatalog::root).
    fn root(&self) -> &Path;

    /// [`FsCatalog::registered`](crate::FsCatalog::registered).
    fn registered(
        &self,
        id: &str,
        since: Option<&CatalogSnapshot>,
    ) -> Result<Option<RegisteredModel>>;

    /// [`FsCatalog::snapshot`](crate::FsCatalog::snapshot).
    fn snapshot(&self) -> Result<CatalogSnapshot>;

    /// [`FsCatalog::lease`](crate::FsCatalog::lease).
    fn lease(&self, id: &str) -> Result<Lease>;

    /// [`FsCatalog::try_lock_model`](crate::FsCatalog::try_lock_model).
    fn try_lock_model(&self, id: &ModelId) -> Result<ModelLockAttempt>;

    /// [`ArtifactStore::stage`](crate::ArtifactStore::stage).
    fn stage(&self, id: &ModelId, needed: u64) -> Result<Staging>;

    /// [`ArtifactStore::stage_import`](crate::ArtifactStore::stage_import).
    fn stage_import(
        &self,
        request: &ImportRequest<'_>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<VerifiedStaging>;

    /// [`ArtifactStore::open`](crate::ArtifactStore::open).
    fn open_artifact(&self, key: &str) -> Result<Option<Artifact>>;

    /// [`FsCatalog::verify_candidate`](crate::FsCatalog::verify_candidate).
    fn verify_candidate(
        &self,
        entry: &CatalogEntry,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Verification>;

    /// [`CatalogStore::put_if`](crate::CatalogStore::put_if), within the limits of this handle.
    fn put_if(&self, entry: &CatalogEntry, expected: Expected<'_, CatalogEntry>) -> Result<()>;

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
