//! Fetchers and observers that use a provisioner themselves.

use std::sync::Arc;

use catalog_core::{
    CatalogError, FetchProblem, FileFetcher, FsCatalog, MemoryCatalog, ModelFetcher, ModelRef,
    ResolvedModel, Result,
};
use model_provisioner::{Event, EventKind, ModelProvisioner};

use super::source::{Fetcher, fetch, request};
use crate::util::{Host, reference};

/// Asks for the model that it is to fetch.
struct Circular(FsCatalog);

impl ModelFetcher for Circular {
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
        let inner = ModelProvisioner::new(self.0.clone(), Fetcher(Arc::default()));
        let error = inner.ensure_present(mr, None).unwrap_err();
        assert_eq!(error.code(), "nested_call");
        Err(CatalogError::fetch(
            mr,
            FetchProblem::Failed,
            error.to_string(),
        ))
    }
}

/// PROV-167
#[test]
fn a_fetcher_that_asks_for_its_own_model_gets_an_error() {
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    let provisioner = ModelProvisioner::new(catalog, Circular(catalog.clone()));
    let error = provisioner.provision(&request()).unwrap_err();
    assert!(error.to_string().contains("its own model"), "{error}");
    // The next call of the thread is none of the fetcher.
    fetch(catalog);
}

/// PROV-167
#[test]
fn a_fetcher_may_use_another_catalog_and_an_observer_the_model_at_the_end() {
    struct Delegating(ModelProvisioner<MemoryCatalog, FileFetcher>);
    impl ModelFetcher for Delegating {
        fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
            Ok(self.0.ensure_present(mr, None).unwrap())
        }
    }
    let host = Host::new();
    let path = host.model("m.bin", "weights");
    let memory = |name: &str| MemoryCatalog::new(host.cache().join(name)).unwrap();
    let inner = Delegating(ModelProvisioner::new(memory("inner"), FileFetcher));
    let outer = ModelProvisioner::new(memory("outer"), inner);
    outer.ensure_present(&reference(&path), None).unwrap();

    let inner = ModelProvisioner::file_only(host.cache()).unwrap();
    let model_ref = reference(&path);
    let observer = move |event: &Event| {
        if matches!(event.kind, EventKind::Finished { .. }) {
            inner.ensure_present(&model_ref, None).unwrap();
        }
    };
    let provisioner = ModelProvisioner::file_only(host.cache()).unwrap();
    let provisioner = provisioner.with_observer(observer);
    provisioner.ensure_present(&reference(&path), None).unwrap();
}
