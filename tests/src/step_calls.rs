//! The steps of workloads that are more than one call of a store.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use catalog_core::maintenance::Verify;
use catalog_core::{
    CatalogError, CatalogStore, EngineEntry, FetchProblem, FsCatalog, Import, ImportRequest,
    LifecycleState, ModelFetcher, Result, VerificationOutcomeKind,
};
use model_fetchers::{HttpFetcher, NetworkConfig, TrustedRoots};
use model_provisioner::{ModelProvisioner, ProvisionError};

use crate::model_source::{authority_of, url_of};
use crate::state::{ARTIFACTS, CONTENT, PROVISIONED, SPOILT, source};
use crate::toy::ToyFetcher;

pub(crate) fn engine(version: &str) -> EngineEntry {
    EngineEntry {
        id: "e".to_owned(),
        engine: "engine".to_owned(),
        version: version.to_owned(),
        build_ref: None,
        digest: None,
        build_flags: None,
        artifacts: vec!["engine-e".into()],
        created_ms: 0,
    }
}

pub(crate) fn import(models: &FsCatalog, id: &str) -> Result<()> {
    let source = source(models.root());
    let id = id.parse()?;
    let mut request = ImportRequest::new(&id, &source);
    request.how = Import::Copy;
    models.import(&request, &mut |_| Ok(())).map(drop)
}

pub(crate) fn provision(models: &FsCatalog) -> Result<()> {
    let fetcher = ToyFetcher::of(CONTENT).resumable();
    present(&ModelProvisioner::new(models, fetcher), PROVISIONED)
}

/// Fetches the model of the web server beside a root. Each byte that arrived is journaled.
pub(crate) fn fetch(models: &FsCatalog) -> Result<()> {
    let config = NetworkConfig::default()
        .connections(1)
        .journal_step(1)
        .roots(TrustedRoots::File(authority_of(models.root())))
        .times(|times| {
            times.stall = Duration::from_millis(500);
            times.first_pause = Duration::from_millis(1);
            times.longest_pause = Duration::from_millis(5);
        });
    let url = url_of(models.root())?;
    let fetcher = HttpFetcher::new(models.artifacts(), config)?;
    present(&ModelProvisioner::new(models, fetcher), &url)
}

fn present<F: ModelFetcher>(
    provisioner: &ModelProvisioner<&FsCatalog, F>,
    reference: &str,
) -> Result<()> {
    match provisioner.ensure_present_str(reference, None) {
        Ok(_) => Ok(()),
        Err(ProvisionError::Catalog(error)) => Err(error),
        Err(other) => Err(CatalogError::Fetch {
            reference: reference.to_owned(),
            problem: FetchProblem::Failed,
            detail: other.to_string(),
            repair: FetchProblem::Failed.repair().into(),
        }),
    }
}

/// Changes the bytes of a managed model in place, durably, and has the store find out.
pub(crate) fn spoil(models: &FsCatalog, id: &str) -> Result<()> {
    let Some(entry) = models.get(id)? else {
        return Ok(());
    };
    let path = &entry.local_path;
    let spoil = || {
        let mut permissions = fs::metadata(path)?.permissions();
        permissions.set_mode(0o644);
        fs::set_permissions(path, permissions)?;
        let mut file = fs::File::options().write(true).open(path)?;
        let modified = file.metadata()?.modified()?;
        file.write_all(SPOILT)?;
        file.set_modified(modified)?;
        file.sync_all()
    };
    // Gone already, if it was spoilt before. Opening a pipe would wait for ever.
    if path.is_file() {
        // What this finds must not stand for what follows, however close that is.
        models.verify(id, Verify::Quick, &mut |_| Ok(()))?;
        spoil().map_err(|source| CatalogError::Io {
            action: "spoil",
            path: path.clone(),
            source,
        })?;
    }
    match models.verify(id, Verify::Quick, &mut |_| Ok(())) {
        Ok(found) if found.outcome.kind == VerificationOutcomeKind::Fail => {
            // Where nothing can be written, the call returns the outcome and cannot record it.
            let now = models.get(id)?;
            match now.is_some_and(|entry| entry.lifecycle == LifecycleState::Active) {
                true => Err(CatalogError::Conflict {
                    id: id.to_owned(),
                    expected: "retired, as its bytes are wrong",
                }),
                false => Ok(()),
            }
        }
        Ok(_) => Err(CatalogError::ArtifactChanged { path: path.clone() }),
        Err(error) => Err(error),
    }
}

/// Makes the file that an entry is going to name durable, as fetchers do, unless it is there.
pub(crate) fn bring(root: &Path, id: &str) -> Result<()> {
    let file = ARTIFACTS
        .iter()
        .find(|(of, _)| *of == id)
        .map_or("", |(_, file)| file);
    let path = root.join(file);
    if path.exists() {
        return Ok(());
    }
    let write = || {
        let mut written = fs::File::create_new(&path)?;
        written.write_all(file.as_bytes())?;
        written.sync_all()?;
        fs::File::open(root)?.sync_all()
    };
    write().map_err(|source| CatalogError::Io {
        action: "bring",
        path: path.clone(),
        source,
    })
}
