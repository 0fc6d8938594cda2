//! A report holds the model that it names.

use std::fs;
use std::time::Duration;

use catalog_core::{CatalogStore, CollectionPolicy, FileFetcher, LifecycleState, MemoryCatalog};
use model_provisioner::{Handoff, ModelProvisioner, Policy, ProvisionRequest, StagingMode};

use crate::util::{Host, id_of, reference, sha256};

fn managed() -> Policy {
    let mut policy = Policy::default();
    policy.staging = StagingMode::Managed;
    policy
}

/// PROV-190
#[test]
fn a_model_stays_as_long_as_its_report_is_held() {
    let host = Host::new();
    let catalog = host.provisioner.catalog();
    let path = host.model("m.bin", "weights");
    let provisioner = ModelProvisioner::file_only(host.cache()).unwrap();
    let provisioner = provisioner.with_policy(managed()).unwrap();
    let request = ProvisionRequest::new(reference(&path)).expecting(sha256(&path));
    // The first call imports the model, the second one finds it.
    for _ in 0..2 {
        let report = provisioner.provision(&request).unwrap();
        let handoff = Handoff::of(&report).unwrap();
        let id = id_of(&path);
        catalog.set_state(&id, LifecycleState::Retired).unwrap();
        let all = CollectionPolicy {
            retired_for: Some(Duration::ZERO),
            ..CollectionPolicy::default()
        };
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

/// PROV-191
#[test]
fn a_policy_that_the_composition_cannot_honour_is_refused() {
    let host = Host::new();
    let memory = MemoryCatalog::new(host.cache()).unwrap();
    let error = ModelProvisioner::new(memory, FileFetcher)
        .with_policy(managed())
        .unwrap_err();
    assert_eq!(error.code(), "policy_unusable");
    assert!(error.to_string().contains("`staging`"), "{error}");
    host.provisioner.catalog().list().unwrap();
}

/// PROV-144
#[test]
fn the_size_of_a_model_in_place_is_bounded_too() {
    let host = Host::new();
    let path = host.model("m.bin", "weights");
    let mut policy = Policy::default();
    policy.max_bytes = Some(6);
    let request = ProvisionRequest::new(reference(&path));
    let memory = MemoryCatalog::new(host.cache()).unwrap();
    let in_memory = ModelProvisioner::new(memory, FileFetcher);
    let in_memory = in_memory.with_policy(policy.clone()).unwrap();
    let refused = in_memory.provision(&request).unwrap_err();
    assert_eq!(refused.code(), "policy_refused");
    assert_eq!(in_memory.catalog().list().unwrap(), []);

    // Also if a caller with another policy registered it.
    let strict = ModelProvisioner::file_only(host.cache()).unwrap();
    let strict = strict.with_policy(policy).unwrap();
    host.provisioner
        .ensure_present(&reference(&path), None)
        .unwrap();
    assert_eq!(
        strict.provision(&request).unwrap_err().code(),
        "policy_refused"
    );
    let digest = sha256(&path);
    host.provisioner
        .ensure_present(&reference(&path), Some(digest))
        .unwrap();
    host.settle(&id_of(&path));
    let refused = strict.provision(&request).unwrap_err();
    assert!(refused.to_string().contains("`max_bytes`"), "{refused}");
}
