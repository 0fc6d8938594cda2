//! Code that was written against the contract of both crates alone: its structs are built with
//! literals, its enums are matched without a wildcard, and its traits are implemented.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use catalog_core::{
    CatalogEntry, CatalogStore, Digest, EngineEntry, EngineFilter, EngineStore, FileFetcher,
    FsCatalog, FsEngineStore, LifecycleState, ModelFetcher, ModelRef, ResolvedModel, Result,
    VerificationOutcome, VerificationOutcomeKind, default_model_cache_dir, verify_digest,
};
use model_provisioner::ModelProvisioner;

#[derive(Default)]
struct OwnCatalog(Mutex<BTreeMap<String, CatalogEntry>>);

impl CatalogStore for OwnCatalog {
    fn get(&self, id: &str) -> Result<Option<CatalogEntry>> {
        Ok(self.0.lock().unwrap().get(id).cloned())
    }
    fn put(&self, entry: &CatalogEntry) -> Result<()> {
        let mut entries = self.0.lock().unwrap();
        entries.insert(entry.id.clone(), entry.clone());
        Ok(())
    }
    fn set_state(&self, id: &str, state: LifecycleState) -> Result<()> {
        if let Some(entry) = self.0.lock().unwrap().get_mut(id) {
            entry.lifecycle = state;
        }
        Ok(())
    }
    fn list(&self) -> Result<Vec<CatalogEntry>> {
        Ok(self.0.lock().unwrap().values().cloned().collect())
    }
    fn delete(&self, id: &str) -> Result<bool> {
        Ok(self.0.lock().unwrap().remove(id).is_some())
    }
}

struct OwnFetcher(PathBuf);

impl ModelFetcher for OwnFetcher {
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
        Ok(ResolvedModel {
            id: mr.id()?,
            local_path: self.0.clone(),
        })
    }
}

fn describe(mr: &ModelRef) -> String {
    match mr {
        ModelRef::Hf { org, repo, path } => format!("{org} {repo} {path:?}"),
        ModelRef::File { path } => path.display().to_string(),
        ModelRef::Url { url } => url.clone(),
    }
}

fn is_ready(outcome: &VerificationOutcome) -> bool {
    match outcome.kind {
        VerificationOutcomeKind::Pass => true,
        VerificationOutcomeKind::Warn => outcome.reason.is_none(),
        VerificationOutcomeKind::Fail => false,
    }
}

/// PROV-109
#[test]
fn code_that_knows_only_the_contract_compiles_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.bin");
    std::fs::write(&model, "weights").unwrap();
    let digest = Digest::of_file(&model).unwrap();
    let Digest { algo, value } = digest.clone();
    assert_eq!(format!("{algo}:{value}").parse::<Digest>().unwrap(), digest);

    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let entry = CatalogEntry {
        id: "chat".to_owned(),
        local_path: model.clone(),
        lifecycle: LifecycleState::Retired,
        digest: Some(digest.clone()),
        last_verified_ms: None,
    };
    catalog.put(&entry).unwrap();
    catalog.set_state("chat", LifecycleState::Active).unwrap();
    assert!(catalog.exists("chat").unwrap());
    let found = catalog.get("chat").unwrap().unwrap();
    match found.lifecycle {
        LifecycleState::Active => {}
        LifecycleState::Retired => panic!("it was activated"),
    }

    let engines = FsEngineStore::new(folder.path().join("root")).unwrap();
    let engine = EngineEntry {
        id: "llama-b1".to_owned(),
        engine: "llama".to_owned(),
        version: "b1".to_owned(),
        build_ref: None,
        digest: None,
        build_flags: None,
        artifacts: vec![],
        created_ms: 1,
    };
    engines.put(&engine).unwrap();
    let filter = EngineFilter {
        engine: Some("llama".to_owned()),
        version: None,
    };
    assert_eq!(engines.find(&filter).unwrap(), [engine]);
    assert_eq!(engines.find(&EngineFilter::default()).unwrap().len(), 1);

    let local = ModelProvisioner::file_only(folder.path().join("root")).unwrap();
    let text = model.to_str().unwrap();
    let resolved = local
        .ensure_present_str(text, Some(digest.clone()))
        .unwrap();
    let again: ModelProvisioner<Arc<OwnCatalog>, Box<dyn ModelFetcher>> = ModelProvisioner::new(
        Arc::new(OwnCatalog::default()),
        Box::new(OwnFetcher(model.clone())),
    );
    for text in ["hf:org/repo/m.gguf", "https://host/m.gguf"] {
        let mr = ModelRef::parse(text).unwrap();
        let other = again.ensure_present(&mr, Some(digest.clone())).unwrap();
        assert_eq!(
            (other.id, other.local_path),
            (mr.id().unwrap(), model.clone())
        );
        assert!(!describe(&mr).is_empty());
    }
    let mr = ModelRef::File {
        path: model.clone(),
    };
    assert_eq!(FileFetcher.ensure_present(&mr).unwrap(), resolved);
    assert_eq!(local.catalog().locate(&mr).unwrap(), Some(resolved));
    assert!(is_ready(&verify_digest(Some(&digest), Some(&digest))));
    assert!(!is_ready(&verify_digest(Some(&digest), None)));
    assert!(catalog.delete("chat").unwrap() && model.exists());
    assert!(default_model_cache_dir().ends_with("models"));
    assert_eq!(describe(&mr), text);
}
