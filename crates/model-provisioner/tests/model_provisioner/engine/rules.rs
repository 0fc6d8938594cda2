//! The rules of a policy that concern the bytes of a model.

use std::fs;

use catalog_core::{
    Basis, CatalogStore, FileFetcher, MemoryCatalog, VerificationOutcomeKind as Kind,
};
use model_provisioner::{
    Handoff, ModelProvisioner, OnMismatch, Policy, ProvisionRequest, StagingMode, Unverified,
};

use crate::util::{Host, id_of, managed, reference, sha256, wrong_digest};

/// PROV-142
#[test]
fn a_mismatch_that_the_policy_lets_through_is_never_said_to_be_proved() {
    for staging in [StagingMode::InPlace, StagingMode::Managed] {
        let host = Host::new();
        let path = host.model("m.bin", "weights");
        let mut policy = managed();
        policy.staging = staging;
        policy.on_mismatch = OnMismatch::Warn;
        let provisioner = host.with(policy);
        let request = ProvisionRequest::new(reference(&path));
        for _ in 0..2 {
            let asked = request.clone().expecting(wrong_digest());
            let report = provisioner.provision(&asked).unwrap();
            assert_eq!(report.outcome.kind, Kind::Warn);
            assert!(report.outcome.reason.unwrap().contains(&"0".repeat(64)));
            assert_eq!(
                (report.digest, report.assurance.basis),
                (None, Basis::Nothing)
            );
            let entry = host.entry(&id_of(&path)).unwrap();
            assert_eq!((entry.digest, entry.last_verified_ms), (None, None));
        }
        let asked = request.clone().expecting(sha256(&path));
        let report = provisioner.provision(&asked).unwrap();
        assert_eq!(
            (report.outcome.kind, report.assurance.basis),
            (Kind::Pass, Basis::Caller)
        );
        assert_eq!(
            host.entry(&id_of(&path)).unwrap().digest,
            Some(sha256(&path))
        );
        if staging == StagingMode::InPlace {
            // What was pinned stays pinned, whatever is let through.
            let pinned = host.entry(&id_of(&path));
            fs::write(&path, "changed").unwrap();
            let report = provisioner.provision(&request).unwrap();
            assert_eq!(
                (report.outcome.kind, report.assurance.basis),
                (Kind::Warn, Basis::Nothing)
            );
            assert_eq!(host.entry(&id_of(&path)), pinned);
        }
    }
}

/// PROV-143
#[test]
fn what_nothing_proves_is_refused_if_the_policy_says_so() {
    for staging in [StagingMode::InPlace, StagingMode::Managed] {
        let host = Host::new();
        let path = host.model("m.bin", "weights");
        let mut policy = managed();
        policy.staging = staging;
        policy.unverified = Unverified::Refuse;
        let provisioner = host.with(policy);
        let request = ProvisionRequest::new(reference(&path));
        let refused = || {
            let error = provisioner.provision(&request).unwrap_err();
            assert_eq!(error.code(), "policy_refused");
            assert!(error.to_string().contains("`unverified`"), "{error}");
        };
        refused();
        assert_eq!(provisioner.catalog().list().unwrap(), []);
        // Somebody without that policy registered it.
        host.provisioner.provision(&request).unwrap();
        refused();
        let proved = request.clone().expecting(sha256(&path));
        provisioner.provision(&proved).unwrap();
        provisioner.provision(&request).unwrap();
    }
}

/// PROV-144
#[test]
fn a_model_that_is_larger_than_the_policy_allows_is_not_brought() {
    let host = Host::new();
    let path = host.model("m.bin", "weights");
    let mut policy = managed();
    policy.max_bytes = Some(6);
    let provisioner = host.with(policy.clone());
    let request = ProvisionRequest::new(reference(&path));
    let error = provisioner.provision(&request).unwrap_err();
    assert_eq!(error.code(), "policy_refused");
    assert!(error.to_string().contains("`max_bytes`"), "{error}");
    assert_eq!(provisioner.catalog().list().unwrap(), []);
    assert_eq!(
        fs::read_dir(host.cache().join("staging")).unwrap().count(),
        0
    );
    policy.max_bytes = Some(7);
    provisioner
        .with_policy(policy)
        .unwrap()
        .provision(&request)
        .unwrap();
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
    let strict = host.with(policy);
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

/// PROV-148
#[test]
fn a_digest_that_nobody_vouched_for_is_no_proof_to_a_policy_that_wants_one() {
    let host = Host::new();
    let lax = host.with(managed());
    let mut policy = managed();
    policy.unverified = Unverified::Refuse;
    let strict = host.with(policy);
    let path = host.model("m.bin", "weights");
    let request = ProvisionRequest::new(reference(&path));
    let report = lax.provision(&request).unwrap();
    assert_eq!(
        (report.outcome.kind, report.digest.clone()),
        (Kind::Warn, Some(sha256(&path)))
    );
    assert_eq!(Handoff::of(&report).unwrap().document().digest, None);
    for _ in 0..2 {
        assert_eq!(
            strict.provision(&request).unwrap_err().code(),
            "policy_refused"
        );
        host.settle(&id_of(&path));
    }
    strict
        .provision(&request.clone().expecting(sha256(&path)))
        .unwrap();
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
