use catalog_core::{
    CatalogEntry, CatalogStore, LifecycleState, ModelFetcher, ModelRef, ResolvedModel,
};
use model_provisioner::{ModelProvisioner, Provided, ProvisionRequest};

use crate::util::{Host, ToyFetcher, sha256};

/// PROV-106
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
    assert_eq!(report.provided, Provided::AlreadyPresent);
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

/// PROV-123
#[test]
fn what_a_fetcher_says_is_looked_at() {
    struct Careless(&'static str);
    impl ModelFetcher for Careless {
        fn ensure_present(&self, _: &ModelRef) -> catalog_core::Result<ResolvedModel> {
            Ok(ResolvedModel {
                id: "hf:some/other".to_owned(),
                local_path: self.0.into(),
            })
        }
    }
    let host = Host::new();
    for (path, code) in [
        ("/not/there", "artifact_missing"),
        ("/dev/null", "artifact_unusable"),
        ("", "path_refused"),
    ] {
        let provisioner = ModelProvisioner::new(host.provisioner.catalog(), Careless(path));
        let error = provisioner
            .ensure_present_str("hf:org/repo", None)
            .unwrap_err();
        assert_eq!(error.code(), code);
    }
    assert_eq!(host.provisioner.catalog().list().unwrap(), []);
    let provisioner = ModelProvisioner::new(host.provisioner.catalog(), Careless("Cargo.toml"));
    let resolved = provisioner.ensure_present_str("hf:org/repo", None).unwrap();
    assert_eq!(
        resolved.id, "hf:org/repo",
        "the reference says which model it is"
    );
    let here = std::env::current_dir().unwrap().join("Cargo.toml");
    assert_eq!(resolved.local_path, here.canonicalize().unwrap());
    assert_eq!(
        host.entry("hf:org/repo").unwrap().local_path,
        resolved.local_path
    );
}

/// PROV-120
#[test]
fn bytes_that_were_never_proved_are_fetched_anew_if_they_are_not_the_expected_ones() {
    let host = Host::new();
    let fetcher = ToyFetcher::new(host.model("fetched", ""), "weights");
    let provisioner = ModelProvisioner::new(host.provisioner.catalog(), &fetcher);
    provisioner.ensure_present_str("hf:org/repo", None).unwrap();
    let digest = sha256(&fetcher.path);
    std::fs::write(&fetcher.path, "wei").unwrap();
    provisioner
        .ensure_present_str("hf:org/repo", Some(digest.clone()))
        .unwrap();
    assert_eq!(fetcher.calls(), 2);
    std::fs::write(&fetcher.path, "wei").unwrap();
    let error = provisioner
        .ensure_present_str("hf:org/repo", Some(digest))
        .unwrap_err();
    assert_eq!(
        error.code(),
        "digest_mismatch",
        "once proved, damage is told"
    );
    assert_eq!(fetcher.calls(), 2);
}
