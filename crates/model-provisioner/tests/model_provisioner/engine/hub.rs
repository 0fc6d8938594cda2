//! A source that counts its calls, for tests of more than one file.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use catalog_core::fetching::{KnownSource, SourceState};
use catalog_core::{
    Basis, Expectation, FetchTask, Fetched, FsCatalog, ModelFetcher, ModelRef, Progress,
    ResolvedModel, Result, Staging,
};
use model_provisioner::{Freshness, ModelProvisioner, ProvisionRequest};

use crate::util::Host;

pub(super) const MODEL: &str = "hf:org/repo";

/// A hub with one file, whose revision can move.
pub(super) struct Hub {
    file: (&'static str, &'static [u8]),
    basis: Basis,
    revision: Mutex<String>,
    stages: AtomicUsize,
}

impl Hub {
    pub(super) fn new() -> Self {
        Self {
            file: ("model.bin", b"weights"),
            basis: Basis::SourceHash,
            revision: Mutex::new("commit-1".to_owned()),
            stages: AtomicUsize::new(0),
        }
    }

    /// The same hub, which states that much of its file.
    pub(super) fn stating(self, basis: Basis) -> Self {
        Self { basis, ..self }
    }

    /// The same hub with another file.
    pub(super) fn with_file(self, name: &'static str, bytes: &'static [u8]) -> Self {
        Self {
            file: (name, bytes),
            ..self
        }
    }

    pub(super) fn move_to(&self, revision: &str) {
        *self.revision.lock().unwrap() = revision.to_owned();
    }

    /// How often the file was fetched.
    pub(super) fn stages(&self) -> usize {
        self.stages.load(Ordering::SeqCst)
    }

    /// A provisioner of this hub.
    pub(super) fn of(self: &Arc<Self>, host: &Host) -> ModelProvisioner<FsCatalog, HubFetcher> {
        let catalog = host.provisioner.catalog().clone();
        ModelProvisioner::new(catalog, HubFetcher(Arc::clone(self)))
    }
}

pub(super) fn request() -> ProvisionRequest {
    ProvisionRequest::new(ModelRef::parse(MODEL).unwrap())
}

pub(super) fn newest() -> ProvisionRequest {
    request().freshness(Freshness::Revalidate)
}

pub(super) struct HubFetcher(Arc<Hub>);

impl ModelFetcher for HubFetcher {
    fn ensure_present(&self, _: &ModelRef) -> Result<ResolvedModel> {
        panic!("it stages")
    }
    fn schemes(&self) -> Vec<&str> {
        vec!["hf"]
    }
    fn stage(
        &self,
        _: &FetchTask<'_>,
        staging: &mut Staging,
        _: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<Fetched> {
        self.0.stages.fetch_add(1, Ordering::SeqCst);
        let mut file = staging.create(self.0.file.0)?;
        file.write_all(self.0.file.1).unwrap();
        file.finish()?;
        let mut fetched = Fetched::new(Expectation::default());
        fetched.revision = Some(self.0.revision.lock().unwrap().clone());
        fetched.basis = self.0.basis;
        Ok(fetched)
    }
    fn source_state(
        &self,
        _: &FetchTask<'_>,
        known: &KnownSource<'_>,
        _: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<SourceState> {
        let now = self.0.revision.lock().unwrap();
        Ok(SourceState::of_revision(known, Some(&now)))
    }
}
