//! Verification, repair and collection of models.

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
    /// Compares the bytes of a model with its digest, and records the outcome. A corrupt file of
    /// the store is moved to quarantine, and every model that uses the file is set to Retired. A
    /// corrupt file outside the store is reported and never changed. If `progress` returns an
    /// error, the call stops with that error.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::CatalogError::NotFound) if there is no such entry,
    /// [`ArtifactMissing`](crate::CatalogError::ArtifactMissing) if nothing is at its path,
    /// [`ArtifactChanged`](crate::CatalogError::ArtifactChanged) if the model changes during the
    /// call. A mismatch is an outcome, not an error.
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

    /// Returns the facts about the model that is registered under an id, such as whether a proof of
    /// its bytes is still valid. The call reads no byte of the model.
    ///
    /// If files were hashed directly after they were written, a later change can leave their times
    /// as they are. Such a fresh proof counts only for a caller that waited for that verification.
    /// To state this, pass a snapshot from before the wait as `since`.
    ///
    /// # Errors
    ///
    /// The errors of [`new`](Self::new). [`Io`](crate::CatalogError::Io) if the metadata of the
    /// files cannot be read.
    pub fn registered(
        &self,
        id: &str,
        since: Option<&CatalogSnapshot>,
    ) -> Result<Option<RegisteredModel>> {
        maintenance::registered(&self.state, id, since.map(|since| &*since.snapshot))
    }

    /// Hashes the model of `entry` and compares it with the digest of `entry`. The entry need not
    /// be registered. If an entry with the same id, path and digest is registered, the outcome is
    /// recorded in that entry. Otherwise pass the outcome to [`put_verified`](Self::put_verified).
    /// In all other respects the call behaves as [`verify`](Self::verify).
    ///
    /// # Errors
    ///
    /// The errors of [`verify`](Self::verify). [`PathRefused`](crate::CatalogError::PathRefused) if
    /// the path breaks the rules of this catalog.
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

    /// Stores an entry together with the verification of its bytes, in one write, if the present
    /// entry is as expected. If the verification is of another path or digest, only the entry is
    /// stored.
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

    /// Registers a published artifact as Active, if the present entry with its id is as expected.
    /// The bytes were hashed before they were published, so they are not hashed again.
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

    /// Verifies models by hashing all their bytes, and begins with the model whose last attempt is
    /// the oldest. The call ends when the budget is used up. The next call, by any process,
    /// continues from there. If `progress` fails, the call stops, and the results so far are
    /// recorded.
    ///
    /// # Errors
    ///
    /// The error of `progress`, [`Cancelled`](crate::CatalogError::Cancelled) or
    /// [`DeadlineExceeded`](crate::CatalogError::DeadlineExceeded) if the limits of the handle end
    /// the call, and the errors of reading and writing the index. A model that cannot be verified
    /// for any other reason is listed in the report, and the call continues.
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

    /// Repairs a managed model. The call verifies all files of the model, calls `fetch` for each
    /// file that is corrupt or missing, and sets the entry to Active. It does not fetch a file
    /// whose bytes the store holds for another model. The new files are verified before they are
    /// used. If `progress` returns an error, the call stops with that error.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::CatalogError::NotFound) if there is no such entry,
    /// [`Conflict`](crate::CatalogError::Conflict) if another caller changed or deleted the entry
    /// during the repair, [`InvalidEntry`](crate::CatalogError::InvalidEntry) if the model is not
    /// managed, [`DigestMismatch`](crate::CatalogError::DigestMismatch) if a fetched file does not
    /// have the expected digest, and the error that `fetch` returns.
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

    /// Lists the files in quarantine, with the evidence of their corruption, the oldest first. A
    /// collection removes them if its policy sets
    /// [`leftovers_for`](crate::maintenance::CollectionPolicy::leftovers_for) or
    /// [`budget`](crate::maintenance::CollectionPolicy::budget).
    ///
    /// # Errors
    ///
    /// [`Io`](crate::CatalogError::Io) if the folder cannot be read.
    pub fn quarantined(&self) -> Result<Vec<QuarantinedFile>> {
        maintenance::quarantined(&self.state)
    }

    /// Plans the removals that [`collect`](Self::collect) would make, with the reason of each and
    /// the number of bytes that it frees. The call changes nothing.
    ///
    /// # Errors
    ///
    /// The errors of reading an index or the pins: without them, no removal is safe. An artifact
    /// whose manifest cannot be read is kept, and everything else is planned.
    pub fn plan_collection(&self, policy: &CollectionPolicy) -> Result<CollectionPlan> {
        maintenance::plan_collection(&self.state, policy)
    }

    /// Executes a plan. Before each removal, the call checks under a lock that the removal is still
    /// allowed. Other callers can publish, lease and write during the collection.
    ///
    /// A collection also finishes interrupted deletions. For each model that was retired by an
    /// older release, or before the last boot of the host, it records the time since which the
    /// model is certainly retired.
    ///
    /// # Errors
    ///
    /// The errors of reading and writing the indexes.
    pub fn collect(&self, plan: &CollectionPlan) -> Result<Collected> {
        maintenance::collect(&self.state, plan)
    }
}
