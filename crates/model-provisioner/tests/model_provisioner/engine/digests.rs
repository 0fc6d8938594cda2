use std::fs;

use catalog_core::{
    CatalogStore, Digest, DigestAlgorithm, FsCatalog, ModelFetcher, ModelRef, ResolvedModel,
};
use model_provisioner::{ModelProvisioner, ProvisionError};

use crate::util::{Host, ToyFetcher, id_of, reference, sha256, state_of};

fn literal(algo: &str, value: &str) -> Digest {
    Digest {
        algo: algo.to_owned(),
        value: value.to_owned(),
    }
}

/// PROV-104, ORCH-3703
#[test]
fn a_mismatch_is_an_error_that_names_all_and_registers_nothing() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    let wrong = literal("sha256", &"0".repeat(64));
    let error = host
        .provisioner
        .ensure_present(&reference(&path), Some(wrong.clone()))
        .unwrap_err();
    let message = error.to_string();
    for part in [
        wrong.to_string(),
        sha256(&path).to_string(),
        id_of(&path),
        path.display().to_string(),
        "digest mismatch".to_owned(),
    ] {
        assert!(message.contains(&part), "{message} names {part}");
    }
    let ProvisionError::DigestMismatch {
        id,
        path: found,
        expected,
        actual,
    } = error
    else {
        panic!("{message}")
    };
    assert_eq!((id, found), (id_of(&path), path.clone()));
    assert_eq!((*expected, *actual), (wrong, sha256(&path)));
    assert_eq!(host.provisioner.catalog().list().unwrap(), []);
}

/// PROV-104
#[test]
fn a_pinned_digest_stays_the_expectation_until_another_one_is_proved() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    let ensure = |digest| host.provisioner.ensure_present(&reference(&path), digest);
    let old = sha256(&path);
    ensure(Some(old.clone())).unwrap();
    let entry = host.entry(&id_of(&path));

    fs::write(&path, "WEIGHTS").unwrap();
    let new = sha256(&path);
    for given in [None, Some(old), Some(literal("sha256", &"0".repeat(64)))] {
        assert_eq!(ensure(given).unwrap_err().code(), "digest_mismatch");
        assert_eq!(
            host.entry(&id_of(&path)),
            entry,
            "the entry before it is untouched"
        );
    }
    ensure(Some(new.clone())).unwrap();
    assert_eq!(host.entry(&id_of(&path)).unwrap().digest, Some(new));
    ensure(None).unwrap();
}

/// PROV-104
#[test]
fn a_digest_of_another_algorithm_replaces_the_pinned_one() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    let long = Digest::compute(&path, DigestAlgorithm::Sha512, &mut |_| {}).unwrap();
    let ensure = |digest| {
        host.provisioner
            .ensure_present(&reference(&path), Some(digest))
    };
    ensure(sha256(&path)).unwrap();
    let upper = literal("SHA512", &long.value.to_uppercase());
    ensure(upper).unwrap();
    assert_eq!(host.entry(&id_of(&path)).unwrap().digest, Some(long));
}

/// PROV-104
#[test]
fn an_unknown_or_malformed_digest_fails_before_any_work() {
    struct NoWork;
    impl ModelFetcher for NoWork {
        fn ensure_present(&self, _: &ModelRef) -> catalog_core::Result<ResolvedModel> {
            panic!("nothing may be fetched")
        }
    }
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    let before = state_of(&host.cache());
    let catalog = FsCatalog::new(host.cache()).unwrap();
    let provisioner = ModelProvisioner::new(catalog, NoWork);
    for digest in [
        literal("", ""),
        literal("md5", &"0".repeat(32)),
        literal("blake3", &"0".repeat(64)),
        literal("sha256", "yes"),
        literal("sha256", "../../etc/passwd"),
        literal("sha256", &"0".repeat(63)),
    ] {
        let error = provisioner
            .ensure_present(&reference(&path), Some(digest))
            .unwrap_err();
        assert_eq!(error.code(), "invalid_expected_digest", "{error}");
    }

    // One that a newer release pinned, too.
    let id = "hf:org/repo".to_owned();
    let pinned = catalog_core::CatalogEntry {
        id: id.clone(),
        local_path: path,
        lifecycle: catalog_core::LifecycleState::Active,
        digest: Some(literal("blake3", &"0".repeat(64))),
        last_verified_ms: None,
    };
    provisioner.catalog().put(&pinned).unwrap();
    let error = provisioner.ensure_present_str(&id, None).unwrap_err();
    assert_eq!(error.code(), "pinned_digest_unusable");
    assert_eq!(provisioner.catalog().get(&id).unwrap(), Some(pinned));
    assert_ne!(state_of(&host.cache()), before, "only the put above wrote");
}

/// PROV-104
#[test]
fn a_digest_of_the_wrong_kind_proves_nothing() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    let tree = literal("sha256-tree", &"0".repeat(64));
    let error = host
        .provisioner
        .ensure_present(&reference(&path), Some(tree))
        .unwrap_err();
    assert_eq!(error.code(), "invalid_digest");
    let folder = path.parent().unwrap();
    let error = host
        .provisioner
        .ensure_present(&reference(folder), Some(sha256(&path)))
        .unwrap_err();
    assert_eq!(error.code(), "invalid_digest");
    assert_eq!(host.provisioner.catalog().list().unwrap(), []);
}

/// PROV-120
#[test]
fn a_new_digest_of_a_fetched_model_has_it_fetched_anew() {
    let host = Host::new();
    let path = host.model("fetched", "");
    let fetcher = ToyFetcher::new(path.clone(), "second edition");
    let provisioner = ModelProvisioner::new(host.provisioner.catalog(), &fetcher);
    let digest = |content: &str| {
        let mut hasher = catalog_core::Hasher::new();
        hasher.update(content.as_bytes());
        hasher.finish()
    };
    fs::write(&path, "first edition").unwrap();
    let first = catalog_core::CatalogEntry {
        id: "hf:org/repo".to_owned(),
        local_path: path.clone(),
        lifecycle: catalog_core::LifecycleState::Active,
        digest: Some(digest("first edition")),
        last_verified_ms: None,
    };
    provisioner.catalog().put(&first).unwrap();

    let ensure = |digest| provisioner.ensure_present_str("hf:org/repo", digest);
    ensure(None).unwrap();
    ensure(Some(digest("first edition"))).unwrap();
    assert_eq!(fetcher.calls(), 0, "what is here is used");
    let error = ensure(Some(digest("third edition"))).unwrap_err();
    assert_eq!(error.code(), "digest_mismatch");
    assert_eq!(fetcher.calls(), 1);
    ensure(Some(digest("second edition"))).unwrap();
    assert_eq!(fetcher.calls(), 2);
    assert_eq!(
        provisioner
            .catalog()
            .get("hf:org/repo")
            .unwrap()
            .unwrap()
            .digest,
        Some(digest("second edition"))
    );
}
