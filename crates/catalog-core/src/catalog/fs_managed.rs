//! Implements [`ManagedCatalog`] with the methods of [`FsCatalog`].

use std::path::Path;

use super::fs_catalog::FsCatalog;
use super::managed::ManagedCatalog;
use super::snapshot::CatalogSnapshot;
use super::store::CatalogStore;
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

impl ManagedCatalog for FsCatalog {
    fn with_limits(&self, limits: Limits) -> Box<dyn ManagedCatalog> {
        Box::new(self.with_limits(limits))
    }

    fn root(&self) -> &Path {
        self.root()
    }

    fn registered(
        &self,
        id: &str,
        since: Option<&CatalogSnapshot>,
    ) -> Result<Option<RegisteredModel>> {
        self.registered(id, since)
    }

    fn snapshot(&self) -> Result<CatalogSnapshot> {
        self.snapshot()
    }

    fn lease(&self, id: &str) -> Result<Lease> {
        self.lease(id)
    }

    fn try_lock_model(&self, id: &ModelId) -> Result<ModelLockAttempt> {
        self.try_lock_model(id)
    }

    fn stage(&self, id: &ModelId, needed: u64) -> Result<Staging> {
        self.artifacts().stage(id, needed)
    }

    fn stage_import(
        &self,
        request: &ImportRequest<'_>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<VerifiedStaging> {
        self.artifacts().stage_import(request, progress)
    }

    fn open_artifact(&self, key: &str) -> Result<Option<Artifact>> {
        self.artifacts().open(key)
    }

    fn manifest(&self, local_path: &Path) -> Result<Option<Manifest>> {
        self.artifacts().manifest_at(local_path)
    }

    fn verify_candidate(
        &self,
        entry: &CatalogEntry,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Verification> {
        self.verify_candidate(entry, progress)
    }

    fn put_if(&self, entry: &CatalogEntry, expected: Expected<'_, CatalogEntry>) -> Result<()> {
        CatalogStore::put_if(self, entry, expected)
    }

    fn put_verified(
        &self,
        entry: &CatalogEntry,
        verification: &Verification,
        expected: Expected<'_, CatalogEntry>,
    ) -> Result<()> {
        self.put_verified(entry, verification, expected)
    }

    fn register(
        &self,
        artifact: &Artifact,
        expected: Expected<'_, CatalogEntry>,
    ) -> Result<CatalogEntry> {
        self.register(artifact, expected)
    }

    fn repair(
        &self,
        id: &str,
        fetch: &mut dyn FnMut(&BadFile<'_>, &mut StagedFile<'_>) -> Result<()>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<RepairReport> {
        self.repair(id, fetch, progress)
    }
}
