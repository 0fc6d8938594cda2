use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use catalog_core::{
    BadFile, Basis, CatalogError, CatalogStore, Digest, Expectation, FetchTask, FileFetcher,
    ImportRequest, ManagedCatalog, Manifest, Method, ModelFetcher, ModelRef, Progress,
    RepairReport, StagedFile,
};

use super::admissible::{Admissible, Place};
use super::call::Call;
use super::watch::Part;
use crate::error::{ProvisionError, Result};
use crate::means::{Proof, Satisfied};
use crate::observe::EventKind;

/// How much of a file is copied at once.
const CHUNK: usize = 1 << 20;

impl<C: CatalogStore, F: ModelFetcher> Call<'_, C, F> {
    /// The path at which the fetcher has the model.
    pub(super) fn where_it_lies(&self) -> Result<PathBuf> {
        self.check_outbound()?;
        self.watch.during(Part::Fetching, || {
            self.watch.check()?;
            if !matches!(self.model_ref, ModelRef::File { .. }) {
                self.watch.tell(EventKind::Fetching(Progress::default()));
            }
            let fetched = self.fetcher.ensure_present(self.model_ref)?;
            if fetched.id != self.id().as_str() {
                let id = self.id().as_str();
                tracing::warn!(
                    id,
                    fetched = fetched.id,
                    "the fetcher gave another id; not used"
                );
            }
            // A fetcher is somebody else's code: whether what it names is there is looked at here.
            let path = fetched.local_path;
            let found = FileFetcher.ensure_present(&ModelRef::File { path })?;
            Ok(found.local_path)
        })
    }

    /// Brings a local model into the store.
    pub(super) fn import(
        &self,
        host: &dyn ManagedCatalog,
        expected: Option<Digest>,
    ) -> Result<Admissible> {
        self.check_will_be_proved(expected.as_ref())?;
        let lies = self.where_it_lies()?;
        let mut request = ImportRequest::new(self.id(), &lies);
        request.expected.digest = self.to_enforce(expected.as_ref());
        let mut staged = 0;
        let imported = self.watch.during(Part::Fetching, || {
            let mut progress = |now: Progress| {
                staged = now.total.unwrap_or(now.done);
                self.watch.fetching(Progress {
                    done: now.done,
                    total: now.total,
                })
            };
            host.artifacts().import(&request, &mut progress)
        });
        let artifact = imported.map_err(|error| self.name_mismatch(error))?;
        let judged = self.judge(artifact.manifest(), expected, Basis::Nothing)?;
        Ok(Admissible {
            satisfied: Satisfied::Imported,
            pinned: judged.digest.clone(),
            digest: judged.digest,
            outcome: judged.outcome,
            proof: judged.proof,
            verified_by: Some(Method::Hashed),
            verification: None,
            bytes_staged: staged,
            bytes_reused: 0,
            revision: None,
            place: Place::Store(Box::new(artifact)),
        })
    }

    /// Has the fetcher bring the model into the store. `unless_hashed` is what is expected of it if
    /// its source states no hashes.
    pub(super) fn fetch(
        &self,
        host: &dyn ManagedCatalog,
        expected: Option<Digest>,
        unless_hashed: Option<&Digest>,
    ) -> Result<Admissible> {
        self.check_outbound()?;
        let watch = self.watch;
        let mut staging = host.artifacts().stage(self.id(), 0)?;
        let fetched = watch.during(Part::Fetching, || {
            watch.fetching(Progress::default())?;
            let task = FetchTask::new(self.model_ref);
            self.fetcher
                .stage(&task, &mut staging, &mut |now| watch.fetching(now))
        })?;
        let expected = match fetched.basis >= Basis::SourceHash {
            true => expected,
            false => expected.or(unless_hashed.cloned()),
        };
        let expectation = Expectation {
            digest: self.to_enforce(expected.as_ref()),
            ..fetched.expectation
        };
        let verified = watch.during(Part::Verifying, || {
            staging.verify(&expectation, &mut |now| watch.verifying(now))
        });
        let mut verified = verified.map_err(|error| self.name_mismatch(error))?;
        let manifest = verified.manifest();
        let bytes = manifest.size();
        if let Some(refusal) = self.policy.size_refusal(bytes) {
            return Err(ProvisionError::refused(self.id(), refusal));
        }
        let judged = self.judge(manifest, expected, fetched.basis)?;
        verified.set_basis(match judged.proof {
            Proof::CallersDigest => Basis::Caller,
            Proof::PinnedDigest => Basis::Pin,
            Proof::SourceHashes => Basis::SourceHash,
            Proof::SizeOnly => Basis::Sizes,
            Proof::Nothing => Basis::OwnHash,
        });
        watch.check()?;
        let artifact = watch.during(Part::Publishing, || verified.publish())?;
        Ok(Admissible {
            satisfied: Satisfied::Fetched,
            pinned: judged.digest.clone(),
            digest: judged.digest,
            outcome: judged.outcome,
            proof: judged.proof,
            verified_by: Some(Method::Hashed),
            verification: None,
            bytes_staged: bytes,
            bytes_reused: 0,
            revision: fetched.revision,
            place: Place::Store(Box::new(artifact)),
        })
    }

    /// Has the files of a managed model brought that are bad or missing.
    pub(super) fn repair(
        &self,
        host: &dyn ManagedCatalog,
        manifest: &Manifest,
    ) -> Result<RepairReport> {
        let mut bring = |bad: &BadFile<'_>, file: &mut StagedFile<'_>| {
            let wanted = self.bring_one(host, bad, file);
            wanted.map_err(|error| match error {
                ProvisionError::Catalog(error) => error,
                other => CatalogError::Fetch {
                    reference: self.model_ref.to_string(),
                    problem: catalog_core::FetchProblem::Refused,
                    detail: other.to_string(),
                },
            })
        };
        if !matches!(self.model_ref, ModelRef::File { .. }) {
            // Before the search for what is bad, which takes long.
            self.check_outbound()?;
        }
        let size = manifest.size();
        self.watch.during(Part::Fetching, || {
            let mut progress = |now: Progress| self.watch.verifying(now);
            self.watch.fetching(Progress {
                done: 0,
                total: Some(size),
            })?;
            host.repair(self.id(), &mut bring, &mut progress)
                .map_err(|error| self.name_mismatch(error))
        })
    }

    fn bring_one(
        &self,
        host: &dyn ManagedCatalog,
        bad: &BadFile<'_>,
        file: &mut StagedFile<'_>,
    ) -> Result<()> {
        let name = &bad.file.name;
        if let ModelRef::File { path } = self.model_ref {
            let source = match path.is_dir() {
                true => path.join(name),
                false => path.with_file_name(name),
            };
            return self.copy(&source, file);
        }
        let mut staging = host.artifacts().stage(self.id(), bad.file.size)?;
        let only = BTreeSet::from([name.clone()]);
        let mut task = FetchTask::new(self.model_ref);
        task.only = Some(&only);
        task.is_folder = bad.manifest.entry_file.is_none();
        task.revision = bad.manifest.revision.as_deref();
        self.fetcher
            .stage(&task, &mut staging, &mut |now| self.watch.fetching(now))?;
        self.copy(&staging.folder().join(name), file)
    }

    fn copy(&self, from: &Path, to: &mut StagedFile<'_>) -> Result<()> {
        let failed = |action| {
            move |source| CatalogError::Io {
                action,
                path: from.to_path_buf(),
                source,
            }
        };
        let mut source = File::open(from).map_err(failed("open"))?;
        let mut buffer = vec![0; CHUNK];
        loop {
            self.watch.check()?;
            match source.read(&mut buffer).map_err(failed("read"))? {
                0 => return Ok(()),
                len => to.write_all(&buffer[..len]).map_err(failed("copy"))?,
            }
        }
    }

    /// The mismatch of a model, with its name.
    fn name_mismatch(&self, error: CatalogError) -> ProvisionError {
        if let CatalogError::DigestMismatch {
            path,
            expected,
            actual,
        } = &error
            && let (Ok(expected), Ok(actual)) = (expected.parse(), actual.parse())
        {
            return ProvisionError::DigestMismatch {
                id: self.id().to_string(),
                path: path.clone(),
                expected: Box::new(expected),
                actual: Box::new(actual),
            };
        }
        error.into()
    }

    /// Whether the source has another revision now than the one that is here, as far as it can tell.
    pub(super) fn has_moved(&self, manifest: Option<&Manifest>) -> Result<bool> {
        self.check_outbound()?;
        let watch = self.watch;
        let now = watch.during(Part::Fetching, || {
            self.fetcher
                .resolve_revision(self.model_ref, &mut |now| watch.fetching(now))
        })?;
        let here = manifest.and_then(|manifest| manifest.revision.as_ref());
        Ok(now.is_some() && now.as_ref() != here)
    }
}
