//! The proof, the repair and the removal of models.

use super::fs_catalog::FsCatalog;
use super::snapshot::CatalogSnapshot;
use crate::artifacts::{Artifact, StagedFile};
use crate::entry::{CatalogEntry, Expected};
use crate::error::Result;
use crate::maintenance::registered::RegisteredModel;
use crate::maintenance::{
    self, BadFile, Collected, CollectionPlan, CollectionPolicy, QuarantinedFile, RepairReport,
    ScrubBudget, ScrubReport, Verification, Verify,
};
use crate::progress::Progress;

impl FsCatalog {
    /// Compares the bytes of a model with its digest, and records the outcome. A managed file that
    /// fails is moved to quarantine, and every model that it was served for is Retired; a file
    /// outside of the store is reported and never touched. `progress` may stop it by failing.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::CatalogError::NotFound) if there is no such entry,
    /// [`ArtifactMissing`](crate::CatalogError::ArtifactMissing) if nothing is at its path,
    /// [`ArtifactChanged`](crate::CatalogError::ArtifactChanged) if it changes meanwhile. A
    /// mismatch is an outcome, not an error.
    pub fn verify(
        &self,
        id: &str,
        how: Verify,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Verification> {
        maintenance::verify(
            &self.state,
            id,
            how,
            &mut self.state.limits.watch("hashing", progress),
        )
    }

    /// Returns the facts about the model that is registered under an id, such as whether its bytes
    /// are proved. Reads no byte of the model.
    ///
    /// A proof can be so fresh that a later change would go unnoticed. It counts only for a caller
    /// that waited for that verification: give the catalog from before the wait as `since`.
    ///
    /// # Errors
    ///
    /// The errors of [`new`](Self::new); [`Io`](crate::CatalogError::Io) if the files of the model
    /// cannot be looked at.
    pub fn registered(
        &self,
        id: &str,
        since: Option<&CatalogSnapshot>,
    ) -> Result<Option<RegisteredModel>> {
        maintenance::registered(&self.state, id, since.map(|since| &*since.snapshot))
    }

    /// Hashes the model of `entry` and compares it with the entry's digest, also if the entry is
    /// not registered yet. If an entry with this path and digest is registered, the outcome is
    /// recorded in it; [`put_verified`](Self::put_verified) registers one with it. Otherwise as
    /// [`verify`](Self::verify).
    ///
    /// # Errors
    ///
    /// The errors of [`verify`](Self::verify); [`PathRefused`](crate::CatalogError::PathRefused)
    /// for a path that this catalog could not hold.
    pub fn verify_candidate(
        &self,
        entry: &CatalogEntry,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Verification> {
        maintenance::verify_candidate(
            &self.state,
            entry,
            &mut self.state.limits.watch("hashing", progress),
        )
    }

    /// Puts an entry together with the verification of its bytes, in one write, if the present
    /// entry is as expected. A verification of another path or digest is left out.
    ///
    /// # Errors
    ///
    /// The errors of [`put_if`](crate::CatalogStore::put_if).
    pub fn put_verified(
        &self,
        entry: &CatalogEntry,
        verification: &Verification,
        expected: Expected<'_, CatalogEntry>,
    ) -> Result<()> {
        maintenance::put_verified(&self.state, entry, verification, expected)
    }

    /// Registers a published artifact as Active, if the entry of its id is as expected. Its
    /// publication is the proof: bytes that this library wrote are not hashed again.
    ///
    /// # Errors
    ///
    /// The errors of [`put_if`](crate::CatalogStore::put_if).
    pub fn register(
        &self,
        artifact: &Artifact,
        expected: Expected<'_, CatalogEntry>,
    ) -> Result<CatalogEntry> {
        maintenance::register(&self.state, artifact, expected)
    }

    /// Verifies models fully, beginning with those whose last attempt is longest ago. Ends when the
    /// budget is used up; the next call of any process continues there. `progress` may stop it with
    /// [`Cancelled`](crate::CatalogError::Cancelled).
    ///
    /// # Errors
    ///
    /// [`Cancelled`](crate::CatalogError::Cancelled), the error of `progress`, and the errors of
    /// the index. A model that cannot be verified is an error in the report only.
    pub fn scrub(
        &self,
        budget: ScrubBudget,
        progress: &mut dyn FnMut(&str, Progress) -> Result<()>,
    ) -> Result<ScrubReport> {
        maintenance::scrub(&self.state, budget, &mut |id, now| {
            self.state.limits.check("hashing")?;
            progress(id, now)
        })
    }

    /// Repairs a managed model: verifies all its files, has `fetch` write only those that are bad
    /// or missing, and turns the entry Active. The new files are verified before they are used.
    /// Other models that lack the same bytes are repaired without fetching them again. `progress`
    /// may stop it by failing.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::CatalogError::NotFound) if there is no such entry;
    /// [`Conflict`](crate::CatalogError::Conflict) if the entry was changed or deleted meanwhile;
    /// [`InvalidEntry`](crate::CatalogError::InvalidEntry) for a model that is not managed;
    /// [`DigestMismatch`](crate::CatalogError::DigestMismatch) if a fetched file is not the
    /// expected one; the error of `fetch`.
    pub fn repair(
        &self,
        id: &str,
        fetch: &mut dyn FnMut(&BadFile<'_>, &mut StagedFile<'_>) -> Result<()>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<RepairReport> {
        maintenance::repair(
            &self.state,
            id,
            fetch,
            &mut self.state.limits.watch("hashing", progress),
        )
    }

    /// Lists the files in quarantine with the evidence against them, the oldest first. A collection
    /// removes them, if its policy says when: see
    /// [`leftovers_for`](crate::maintenance::CollectionPolicy::leftovers_for) and
    /// [`budget`](crate::maintenance::CollectionPolicy::budget).
    ///
    /// # Errors
    ///
    /// [`Io`](crate::CatalogError::Io) if the folder cannot be read.
    pub fn quarantined(&self) -> Result<Vec<QuarantinedFile>> {
        maintenance::quarantined(&self.state)
    }

    /// Plans the removals of a [`collect`](Self::collect), with their reasons and the bytes that
    /// they really free. Changes nothing.
    ///
    /// # Errors
    ///
    /// The error of reading an index, the pins or a manifest: without them nothing is safe to
    /// remove.
    pub fn plan_collection(&self, policy: &CollectionPolicy) -> Result<CollectionPlan> {
        maintenance::plan_collection(&self.state, policy)
    }

    /// Executes a plan, after a check under lock whether each removal is still allowed. Others can
    /// publish, lease and write while it runs.
    ///
    /// It also finishes interrupted deletions, and notes the certain time of retirement of models
    /// that an older release or an earlier run of the kernel retired.
    ///
    /// # Errors
    ///
    /// The errors of reading and writing the indexes.
    pub fn collect(&self, plan: &CollectionPlan) -> Result<Collected> {
        maintenance::collect(&self.state, plan)
    }
}
