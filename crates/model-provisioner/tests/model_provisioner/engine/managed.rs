//! Models in the store.

use std::fs;

use catalog_core::{Basis, Digest, DigestAlgorithm};
use model_provisioner::{Provided, ProvisionRequest};

use crate::util::{Host, id_of, managed, reference, sha256, wrong_digest};

/// PROV-140
#[test]
fn a_managed_policy_brings_local_models_into_the_store() {
    let host = Host::new();
    let path = host.model("m.gguf.bin", "weights");
    let request = ProvisionRequest::new(reference(&path)).expecting(sha256(&path));
    // Registered in place before, it moves.
    host.provisioner.provision(&request).unwrap();
    let provisioner = host.with(managed());
    let report = provisioner.provision(&request).unwrap();
    assert_eq!(report.provided, Provided::Imported);
    assert_eq!(
        (report.staged_bytes, report.assurance.basis),
        (7, Basis::Caller)
    );
    assert!(report.resolved.local_path.starts_with(host.cache()));
    fs::write(&path, "changed").unwrap();
    let again = provisioner
        .provision(&ProvisionRequest::new(reference(&path)))
        .unwrap();
    assert_eq!(again.provided, Provided::AlreadyPresent);
    assert_eq!(
        fs::read_to_string(&again.resolved.local_path).unwrap(),
        "weights"
    );

    // Its new digest replaces it.
    let anew = provisioner
        .provision(&request.clone().expecting(sha256(&path)))
        .unwrap();
    assert_eq!(
        fs::read_to_string(&anew.resolved.local_path).unwrap(),
        "changed"
    );
    assert_eq!(
        host.entry(&id_of(&path)).unwrap().digest,
        Some(sha256(&path))
    );
    let error = provisioner
        .provision(&request.expecting(wrong_digest()))
        .unwrap_err();
    assert_eq!(error.code(), "digest_mismatch");
    assert_eq!(
        host.entry(&id_of(&path)).unwrap().digest,
        Some(sha256(&path))
    );
}

/// PROV-145
#[test]
fn no_digest_is_said_to_be_proved_that_nobody_compared() {
    let host = Host::new();
    let path = host.model("m.bin", "weights");
    let provisioner = host.with(managed());
    let request = ProvisionRequest::new(reference(&path));
    let first = provisioner.provision(&request).unwrap();
    let long = Digest::compute(&path, DigestAlgorithm::Sha512, &mut |_| {}).unwrap();
    let wrong_long = Digest {
        algo: "sha512".to_owned(),
        value: "ab".repeat(64),
    };
    let right = provisioner
        .provision(&request.clone().expecting(long.clone()))
        .unwrap();
    assert_eq!(
        (right.provided, right.assurance.basis),
        (Provided::AlreadyPresent, Basis::Caller)
    );
    assert_eq!(host.entry(&id_of(&path)).unwrap().digest, Some(long));
    for lose in [false, true] {
        if lose {
            fs::remove_file(&first.resolved.local_path).unwrap();
        }
        let error = provisioner.provision(&request.clone().expecting(wrong_long.clone()));
        assert_eq!(error.unwrap_err().code(), "digest_mismatch");
    }
}
