use std::path::Path;

use super::snapshot::CatalogSnapshot;
use crate::artifacts::{
    Artifact, ImportRequest, Lease, Manifest, StagedFile, Staging, VerifiedStaging,
};
use crate::entry::{CatalogEntry, Expected};
use crate::error::Result;
use crate::maintenance::registered::RegisteredModel;
use crate::maintenance::{BadFile, RepairReport, Verification};
use crate::progress::{Limits, Progress};
use crate::reference::ModelId;
use crate::state::ModelLockAttempt;

/// The interface of a catalog on disk. Such a catalog has an artifact store, durable proofs,
/// leases, and model locks for several processes. Each method does the work of the method that its
/// documentation names.
pub trait ManagedCatalog: Send + Sync {
    /// Returns a handle of the same catalog whose calls have limits.
    fn with_limits(&self, limits: Limits) -> Box<dyn ManagedCatalog>;

    /// Returns the root, as [`FsCatalog::root`](crate::FsCatalog::root) does.
    fn root(&self) -> &Path;

    /// Returns the facts about a registered model, as
    /// [`FsCatalog::registered`](crate::FsCatalog::registered) does.
    fn registered(
        &self,
        id: &str,
        since: Option<&CatalogSnapshot>,
    ) -> Result<Option<RegisteredModel>>;

    /// Returns the present content of the catalog, as
    /// [`FsCatalog::snapshot`](crate::FsCatalog::snapshot) does.
    fn snapshot(&self) -> Result<CatalogSnapshot>;

    /// Takes a lease on a model, as [`FsCatalog::lease`](crate::FsCatalog::lease) does.
    fn lease(&self, id: &str) -> Result<Lease>;

    /// Tries to take the lock of a model, as
    /// [`FsCatalog::try_lock_model`](crate::FsCatalog::try_lock_model) does.
    fn try_lock_model(&self, id: &ModelId) -> Result<ModelLockAttempt>;

    /// Creates a staging area, as [`ArtifactStore::stage`](crate::ArtifactStore::stage) does.
    fn stage(&self, id: &ModelId, needed: u64) -> Result<Staging>;

    /// Stages a local model, as [`ArtifactStore::stage_import`](crate::ArtifactStore::stage_import)
    /// does.
    fn stage_import(
        &self,
        request: &ImportRequest<'_>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<VerifiedStaging>;

    /// Opens a published artifact, as [`ArtifactStore::open`](crate::ArtifactStore::open) does.
    fn open_artifact(&self, key: &str) -> Result<Option<Artifact>>;

    /// Returns the manifest of the managed model at a path, or `None` if no managed model is there.
    fn manifest(&self, local_path: &Path) -> Result<Option<Manifest>>;

    /// Verifies the model of an entry, as
    /// [`FsCatalog::verify_candidate`](crate::FsCatalog::verify_candidate) does.
    fn verify_candidate(
        &self,
        entry: &CatalogEntry,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Verification>;

    /// Stores an entry within the limits of this handle, as
    /// [`CatalogStore::put_if`](crate::CatalogStore::put_if) does.
    fn put_if(&self, entry: &CatalogEntry, expected: Expected<'_, CatalogEntry>) -> Result<()>;

    /// Stores a verified entry, as [`FsCatalog::put_verified`](crate::FsCatalog::put_verified)
    /// does.
    fn put_verified(
        &self,
        entry: &CatalogEntry,
        verification: &Verification,
        expected: Expected<'_, CatalogEntry>,
    ) -> Result<()>;

    /// Registers a published artifact, as [`FsCatalog::register`](crate::FsCatalog::register) does.
    fn register(
        &self,
        artifact: &Artifact,
        expected: Expected<'_, CatalogEntry>,
    ) -> Result<CatalogEntry>;

    /// Repairs a managed model, as [`FsCatalog::repair`](crate::FsCatalog::repair) does.
    fn repair(
        &self,
        id: &str,
        fetch: &mut dyn FnMut(&BadFile<'_>, &mut StagedFile<'_>) -> Result<()>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<RepairReport>;
}
