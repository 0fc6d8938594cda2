//! The checks of the answers that calls get.

use std::fs;

use catalog_core::maintenance::{CollectionPolicy, Verify};
use catalog_core::{
    CatalogError, CatalogStore, EngineStore, FsCatalog, FsEngineStore, LifecycleState, Result,
    VerificationOutcomeKind,
};
use model_provisioner::{ModelProvisioner, ProvisionError};

use crate::state::{CONTENT, PROVISIONED};

/// The model whose bytes no other model has.
pub const OTHER: &str = "o";

/// Reads all Active managed models, and all that a collection reads.
pub(crate) fn read(catalog: &FsCatalog) -> Result<()> {
    for entry in catalog.list()? {
        let is_managed = catalog.artifacts().holds(&entry.local_path);
        if entry.lifecycle != LifecycleState::Active || !is_managed {
            continue;
        }
        let found = catalog.verify(&entry.id, Verify::Full, &mut |_| Ok(()))?;
        if found.outcome.kind != VerificationOutcomeKind::Pass {
            return Err(CatalogError::ArtifactChanged {
                path: entry.local_path,
            });
        }
    }
    catalog.plan_collection(&CollectionPolicy::default())?;
    catalog.pins().map(drop)
}

/// Asks for all entries in each way that there is.
pub(crate) fn list(catalog: &FsCatalog) -> Result<()> {
    let ids: Vec<String> = catalog.list()?.into_iter().map(|entry| entry.id).collect();
    for id in ["a", "m", "n", OTHER, PROVISIONED] {
        if !ids.iter().any(|known| known == id) {
            return Err(wrong(id, "listed"));
        }
    }
    for id in &ids {
        catalog.get(id)?.ok_or_else(|| wrong(id, "known"))?;
        catalog.exists(id)?;
        catalog.registered(id, None)?;
    }
    catalog.artifacts().manifests()?;
    FsEngineStore::new(catalog.root())?
        .get("e")?
        .map(drop)
        .ok_or_else(|| wrong("e", "known"))
}

/// Makes a model present. What is said to be present has to have the right bytes.
pub(crate) fn present(
    catalog: &FsCatalog,
    fetcher: impl catalog_core::ModelFetcher,
    reference: &str,
) -> Result<()> {
    let provisioner = ModelProvisioner::new(catalog, fetcher);
    let found = provisioner
        .ensure_present_str(reference, None)
        .map_err(of_store)?;
    match fs::read(&found.local_path) {
        Ok(bytes) if bytes == CONTENT => Ok(()),
        _ => Err(wrong(reference, "what it is said to be")),
    }
}

/// Returns the error of an answer that is wrong.
pub(crate) fn wrong(id: &str, expected: &'static str) -> CatalogError {
    CatalogError::Conflict {
        id: id.to_owned(),
        expected,
    }
}

/// Returns the error of the store behind one of the provisioner.
pub(crate) fn of_store(error: ProvisionError) -> CatalogError {
    match error {
        ProvisionError::Catalog(error) => error,
        other => failed(std::io::Error::other(format!("{}: {other}", other.code()))),
    }
}

/// Returns the error of a file that a figure writes.
pub(crate) fn failed(source: std::io::Error) -> CatalogError {
    CatalogError::Io {
        action: "write",
        path: "a.bin".into(),
        source,
    }
}
