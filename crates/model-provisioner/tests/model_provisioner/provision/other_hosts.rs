use catalog_core::{CatalogEntry, CatalogStore, LifecycleState};
use model_provisioner::{ModelProvisioner, ProvisionRequest, Satisfied};

use crate::util::{Host, ToyFetcher, sha256};

/// ORCH-3704
#[test]
fn without_a_fetcher_the_error_tells_the_user_what_to_do() {
    let host = Host::new();
    for (text, hint) in [
        ("hf:org/repo/model.gguf", "hf download"),
        ("https://host/model.gguf", "download it"),
        ("s3://bucket/model.gguf", "copy it here"),
        ("oci://ghcr.io/org/model:1", "pull it"),
    ] {
        let error = host.provisioner.ensure_present_str(text, None).unwrap_err();
        assert_eq!(error.code(), "no_fetcher");
        let message = error.to_string();
        assert!(
            message.contains(text) && message.contains(hint),
            "{message}"
        );
    }
    assert_eq!(host.provisioner.catalog().list().unwrap(), []);
}

/// PROV-121
#[test]
fn a_model_that_is_registered_and_here_needs_no_fetcher() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    let entry = CatalogEntry {
        id: "hf:org/repo/m.gguf".to_owned(),
        local_path: path.clone(),
        lifecycle: LifecycleState::Retired,
        digest: Some(sha256(&path)),
        last_verified_ms: None,
    };
    host.provisioner.catalog().put(&entry).unwrap();
    let request = ProvisionRequest::new("hf://org/repo/m.gguf".parse().unwrap());
    let report = host.provisioner.provision(&request).unwrap();
    assert_eq!(report.resolved.local_path, path);
    assert_eq!(report.satisfied, Satisfied::AlreadyRegistered);
    assert_eq!(
        host.entry(&entry.id).unwrap().lifecycle,
        LifecycleState::Active
    );
}

/// PROV-122
#[test]
fn what_a_fetcher_brings_is_registered_under_the_id_of_the_reference() {
    let host = Host::new();
    let fetcher = ToyFetcher::new(host.model("fetched", ""), "weights");
    let provisioner = ModelProvisioner::new(host.provisioner.catalog(), &fetcher);
    let first = provisioner
        .ensure_present_str("https://host/m?token=secret", None)
        .unwrap();
    assert_eq!(first.id, "https://host/m");
    assert_eq!(first.local_path, fetcher.path);
    let second = provisioner
        .ensure_present_str("https://HOST/m", None)
        .unwrap();
    assert_eq!((second, fetcher.calls()), (first, 1), "fetched once");
}
