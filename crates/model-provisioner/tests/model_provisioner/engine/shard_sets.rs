use std::fs;
use std::path::{Path, PathBuf};

use catalog_core::{
    CatalogEntry, CatalogStore, Digest, DigestAlgorithm, FileFetcher, LifecycleState, LocalModel,
    MemoryCatalog, VerificationOutcomeKind as Kind,
};
use model_provisioner::{
    EngineView, Handoff, ModelProvisioner, Policy, ProvisionRequest, Unverified,
};

use crate::util::{Host, id_of, reference, sha256};

/// A set of two shards, and its tree digest.
fn set(host: &Host) -> ([PathBuf; 2], Digest) {
    let shards = [
        host.model("m-00001-of-00002.gguf", "GGUF1"),
        host.model("m-00002-of-00002.gguf", "GGUF22"),
    ];
    let model = LocalModel::resolve(&shards[0]).unwrap();
    let tree = model.digest(DigestAlgorithm::Sha256Tree, &mut |_| Ok(()));
    (shards, tree.unwrap())
}

/// An entry of the first edition: a set that is pinned by the digest of one shard.
fn pinned_by_one_shard(path: &Path) -> CatalogEntry {
    CatalogEntry {
        id: id_of(path),
        local_path: path.to_path_buf(),
        lifecycle: LifecycleState::Active,
        digest: Some(sha256(path)),
        last_verified_ms: None,
    }
}

/// PROV-180
#[test]
fn a_set_in_place_is_provisioned_with_its_tree_digest() {
    let host = Host::new();
    let (shards, tree) = set(&host);
    for shard in &shards {
        let request = ProvisionRequest::new(reference(shard)).expecting(tree.clone());
        let report = host.provisioner.provision(&request).unwrap();
        assert_eq!(report.outcome.kind, Kind::Pass);
        assert_eq!(
            host.entry(&id_of(shard)).unwrap().digest,
            Some(tree.clone())
        );
    }
    fs::write(&shards[1], "GGUF33").unwrap();
    let error = host
        .provisioner
        .ensure_present(&reference(&shards[0]), None)
        .unwrap_err();
    assert_eq!(error.code(), "digest_mismatch", "{error}");
}

/// PROV-181
#[test]
fn a_file_digest_newly_given_for_a_set_registers_nothing() {
    let host = Host::new();
    let (shards, tree) = set(&host);
    let (model, given) = (reference(&shards[0]), sha256(&shards[0]));
    let memory = MemoryCatalog::new(host.cache()).unwrap();
    let memory = ModelProvisioner::new(memory, FileFetcher);
    for error in [
        host.provisioner
            .ensure_present(&model, Some(given.clone()))
            .unwrap_err(),
        memory.ensure_present(&model, Some(given)).unwrap_err(),
    ] {
        assert_eq!(error.code(), "invalid_digest");
        assert!(error.to_string().contains(&tree.to_string()), "{error}");
    }
    assert_eq!(host.entry(&id_of(&shards[0])), None);
    assert_eq!(memory.catalog().list().unwrap(), []);
}

/// PROV-182
#[test]
fn a_pinned_digest_of_one_shard_is_accepted_with_a_warning() {
    let host = Host::new();
    let (shards, tree) = set(&host);
    let pinned = pinned_by_one_shard(&shards[1]);
    host.provisioner.catalog().put(&pinned).unwrap();
    let request = ProvisionRequest::new(reference(&shards[1]));
    for request in [request.clone(), request.expecting(sha256(&shards[1]))] {
        let report = host.provisioner.provision(&request).unwrap();
        assert_eq!((report.outcome.kind, report.digest), (Kind::Warn, None));
        let reason = report.outcome.reason.unwrap();
        assert!(reason.contains(&tree.to_string()), "{reason}");
        assert_eq!(host.entry(&pinned.id), Some(pinned.clone()));
    }
    let strict = ModelProvisioner::file_only(host.cache()).unwrap();
    let mut policy = Policy::default();
    policy.unverified = Unverified::Refuse;
    let strict = strict.with_policy(policy).unwrap();
    let refused = strict.ensure_present(&reference(&shards[1]), None);
    assert_eq!(refused.unwrap_err().code(), "policy_refused");

    fs::write(&shards[1], "GGUF33").unwrap();
    let error = host
        .provisioner
        .ensure_present(&reference(&shards[1]), None)
        .unwrap_err();
    assert_eq!(error.code(), "digest_mismatch", "{error}");
    assert_eq!(host.entry(&pinned.id), Some(pinned));
}

/// PROV-183
#[test]
fn an_incomplete_set_is_an_error_that_lists_the_missing_shard() {
    for is_pinned in [false, true] {
        let host = Host::new();
        let (shards, tree) = set(&host);
        let digest = is_pinned.then_some(tree);
        let call = |digest| {
            host.provisioner
                .ensure_present(&reference(&shards[0]), digest)
        };
        call(digest).unwrap();
        let before = host.entry(&id_of(&shards[0]));
        fs::remove_file(&shards[1]).unwrap();
        let error = call(None).unwrap_err();
        assert_eq!(error.code(), "artifact_incomplete");
        assert!(error.to_string().contains("m-00002-of-00002"), "{error}");
        assert_eq!(host.entry(&id_of(&shards[0])), before);
    }
}

/// PROV-184
#[test]
fn the_handoff_of_a_set_is_of_the_whole_set() {
    let host = Host::new();
    let (shards, tree) = set(&host);
    let request = ProvisionRequest::new(reference(&shards[1])).expecting(tree.clone());
    let report = host.provisioner.provision(&request).unwrap();
    let handoff = Handoff::of(&report).unwrap();
    assert_eq!(
        (handoff.document().view, handoff.document().size),
        (EngineView::FirstShard, 11)
    );
    assert_eq!(handoff.document().path, shards[0]);
    assert_eq!(handoff.document().digest, Some(tree.to_string()));

    host.provisioner
        .catalog()
        .put(&pinned_by_one_shard(&shards[0]))
        .unwrap();
    let request = ProvisionRequest::new(reference(&shards[0]));
    let report = host.provisioner.provision(&request).unwrap();
    let handoff = Handoff::of(&report).unwrap();
    assert_eq!(
        handoff.document().digest,
        None,
        "one shard does not prove the set"
    );
}
