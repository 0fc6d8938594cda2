//! A report holds the model that it names.

use std::fs;
use std::time::Duration;

use catalog_core::maintenance::CollectionPolicy;
use catalog_core::{CatalogStore, FileFetcher, LifecycleState, MemoryCatalog};
use model_provisioner::{Handoff, ModelProvisioner, ProvisionRequest};

use crate::util::{Host, id_of, managed, reference, sha256};

/// PROV-190
#[test]
fn a_model_stays_as_long_as_its_report_is_held() {
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    let path = host.model("m.bin", "weights");
    let provisioner = host.with(managed());
    let request = ProvisionRequest::new(reference(&path)).expecting(sha256(&path));
    // The first call imports the model, the second one finds it.
    for _ in 0..2 {
        let report = provisioner.provision(&request).unwrap();
        let handoff = Handoff::of(&report).unwrap();
        let id = id_of(&path);
        catalog.set_state(&id, LifecycleState::Retired).unwrap();
        let all = CollectionPolicy::default().retired_for(Duration::ZERO);
        let plan = catalog.plan_collection(&all).unwrap();
        catalog.collect(&plan).unwrap();
        assert_eq!(fs::read(&handoff.document().path).unwrap(), b"weights");
        assert!(host.entry(&id).is_some(), "the entry stays, too");
        catalog.set_state(&id, LifecycleState::Active).unwrap();
    }
    let report = provisioner.provision(&request).unwrap();
    let lease = report.lease.clone().unwrap();
    drop(report);
    let error = catalog.delete(&id_of(&path)).unwrap_err();
    assert_eq!(
        error.code(),
        "artifact_kept",
        "a clone of the lease holds it"
    );
    drop(lease);
}

/// PROV-190
#[test]
fn a_report_of_a_model_in_place_has_a_lease_and_one_without_a_disk_has_none() {
    let host = Host::new();
    let path = host.model("m.bin", "weights");
    let request = ProvisionRequest::new(reference(&path));
    assert!(
        host.provisioner
            .provision(&request)
            .unwrap()
            .lease
            .is_some()
    );
    let memory = MemoryCatalog::new(host.cache()).unwrap();
    let provisioner = ModelProvisioner::new(memory, FileFetcher);
    assert!(provisioner.provision(&request).unwrap().lease.is_none());
}
