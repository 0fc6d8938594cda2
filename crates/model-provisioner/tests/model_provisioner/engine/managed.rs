//! Models in the store: import, policy of mismatches, repair.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use catalog_core::{Basis, CatalogStore, Digest, LifecycleState, VerificationOutcomeKind as Kind};
use model_provisioner::{
    ModelProvisioner, OnMismatch, Policy, Provided, ProvisionRequest, StagingMode, Unverified,
};

use crate::util::{Host, id_of, reference, sha256};

fn managed() -> Policy {
    let mut policy = Policy::default();
    policy.staging = StagingMode::Managed;
    policy
}

fn rot(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, "ROTTEN!").unwrap();
}

fn wrong() -> Digest {
    Digest {
        algo: "sha256".to_owned(),
        value: "0".repeat(64),
    }
}

/// PROV-140
#[test]
fn a_managed_policy_brings_local_models_into_the_store() {
    let host = Host::new();
    let path = host.model("m.gguf.bin", "weights");
    let request = ProvisionRequest::new(reference(&path)).expecting(sha256(&path));
    // Registered in place before, it moves.
    host.provisioner.provision(&request).unwrap();
    let provisioner = ModelProvisioner::file_only(host.cache()).unwrap();
    let provisioner = provisioner.with_policy(managed()).unwrap();
    let report = provisioner.provision(&request).unwrap();
    assert_eq!(report.provided, Provided::Imported);
    assert_eq!(
        (report.bytes_staged, report.assurance.basis),
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
        .provision(&request.expecting(wrong()))
        .unwrap_err();
    assert_eq!(error.code(), "digest_mismatch");
    assert_eq!(
        host.entry(&id_of(&path)).unwrap().digest,
        Some(sha256(&path))
    );
}

/// PROV-141
#[test]
fn a_managed_model_that_rots_or_loses_files_is_repaired_from_its_source() {
    let host = Host::new();
    let provisioner = ModelProvisioner::file_only(host.cache()).unwrap();
    let provisioner = provisioner.with_policy(managed()).unwrap();
    let folder = host
        .model("repo/config.json", "{}")
        .parent()
        .unwrap()
        .to_path_buf();
    host.model("repo/sub/weights.bin", "weights");
    for source in [folder.clone(), host.model("single.bin", "weights!")] {
        let request = ProvisionRequest::new(reference(&source));
        let first = provisioner.provision(&request).unwrap();
        let file = match source.is_dir() {
            true => first.resolved.local_path.join("sub/weights.bin"),
            false => first.resolved.local_path.clone(),
        };
        let good = fs::read(&file).unwrap();
        rot(&file);
        let report = provisioner.provision(&request).unwrap();
        assert_eq!(report.provided, Provided::Repaired, "{report:?}");
        assert_eq!(report.bytes_staged, good.len() as u64);
        assert_eq!(fs::read(&file).unwrap(), good);
        assert_eq!(report.outcome.kind, Kind::Pass);

        fs::remove_dir_all(
            first
                .resolved
                .local_path
                .ancestors()
                .find(|path| path.ends_with("files"))
                .unwrap(),
        )
        .unwrap();
        let report = provisioner.provision(&request).unwrap();
        assert_eq!(fs::read(&file).unwrap(), good, "{report:?}");
        let entry = provisioner
            .catalog()
            .get(&first.resolved.id)
            .unwrap()
            .unwrap();
        assert_eq!(entry.lifecycle, LifecycleState::Active);
    }
}

/// PROV-149
#[test]
fn a_repair_whose_source_is_damaged_too_names_the_source_and_both_digests() {
    let host = Host::new();
    let provisioner = ModelProvisioner::file_only(host.cache()).unwrap();
    let provisioner = provisioner.with_policy(managed()).unwrap();
    let source = host.model("m.gguf.bin", "weights");
    let request = ProvisionRequest::new(reference(&source));
    let first = provisioner.provision(&request).unwrap();
    let expected = sha256(&source);
    rot(&first.resolved.local_path);
    fs::write(&source, "damaged, too").unwrap();
    let error = provisioner.provision(&request).unwrap_err();
    assert_eq!(error.code(), "digest_mismatch");
    let text = error.to_string();
    for part in [
        source.to_str().unwrap(),
        &expected.to_string(),
        &sha256(&source).to_string(),
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("staging"), "{text}");
    // With its source restored, the model is repaired.
    fs::write(&source, "weights").unwrap();
    let report = provisioner.provision(&request).unwrap();
    assert_eq!(report.provided, Provided::Repaired);
}

/// PROV-142
#[test]
fn a_mismatch_that_the_policy_lets_through_is_never_said_to_be_proved() {
    for staging in [StagingMode::InPlace, StagingMode::Managed] {
        let host = Host::new();
        let path = host.model("m.bin", "weights");
        let mut policy = managed();
        policy.staging = staging;
        policy.on_mismatch = OnMismatch::Warn;
        let provisioner = ModelProvisioner::file_only(host.cache()).unwrap();
        let provisioner = provisioner.with_policy(policy).unwrap();
        let request = ProvisionRequest::new(reference(&path));
        for _ in 0..2 {
            let asked = request.clone().expecting(wrong());
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
        let provisioner = ModelProvisioner::file_only(host.cache()).unwrap();
        let provisioner = provisioner.with_policy(policy).unwrap();
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
    let provisioner = ModelProvisioner::file_only(host.cache()).unwrap();
    let provisioner = provisioner.with_policy(policy.clone()).unwrap();
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

/// PROV-145
#[test]
fn no_digest_is_said_to_be_proved_that_nobody_compared() {
    let host = Host::new();
    let path = host.model("m.bin", "weights");
    let provisioner = ModelProvisioner::file_only(host.cache()).unwrap();
    let provisioner = provisioner.with_policy(managed()).unwrap();
    let request = ProvisionRequest::new(reference(&path));
    let first = provisioner.provision(&request).unwrap();
    let long = Digest::compute(&path, catalog_core::DigestAlgorithm::Sha512, &mut |_| {}).unwrap();
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

/// PROV-146
#[test]
fn a_stranger_in_the_folder_of_a_managed_model_is_set_aside() {
    let host = Host::new();
    let provisioner = ModelProvisioner::file_only(host.cache()).unwrap();
    let provisioner = provisioner.with_policy(managed()).unwrap();
    let folder = host
        .model("repo/config.json", "{}")
        .parent()
        .unwrap()
        .to_path_buf();
    host.model("repo/weights.bin", "weights");
    let request = ProvisionRequest::new(reference(&folder));
    let first = provisioner.provision(&request).unwrap();
    let stranger = first.resolved.local_path.join("adapter.bin");
    fs::write(&stranger, "strange").unwrap();
    let report = provisioner.provision(&request).unwrap();
    assert_eq!(
        (report.provided, report.outcome.kind),
        (Provided::Repaired, Kind::Pass)
    );
    assert!(!stranger.exists());
    let quarantine = fs::read_dir(host.cache().join("quarantine")).unwrap();
    let kept: Vec<String> = quarantine
        .map(|entry| fs::read_to_string(entry.unwrap().path().join("file")).unwrap())
        .collect();
    assert_eq!(kept, ["strange"], "nothing is lost");
    let again = provisioner.provision(&request).unwrap();
    assert_eq!(again.provided, Provided::AlreadyPresent);
}

/// PROV-147
#[test]
fn a_policy_that_warns_lets_no_damage_through() {
    let host = Host::new();
    let mut policy = managed();
    policy.on_mismatch = OnMismatch::Warn;
    let provisioner = ModelProvisioner::file_only(host.cache()).unwrap();
    let provisioner = provisioner.with_policy(policy).unwrap();
    let path = host.model("m.bin", "weights");
    let request = ProvisionRequest::new(reference(&path)).expecting(sha256(&path));
    let first = provisioner.provision(&request).unwrap();
    rot(&first.resolved.local_path);
    let report = provisioner.provision(&request).unwrap();
    assert_eq!(
        (report.provided, report.outcome.kind),
        (Provided::Repaired, Kind::Pass)
    );
    assert_eq!(
        fs::read_to_string(&first.resolved.local_path).unwrap(),
        "weights"
    );
}

/// PROV-148
#[test]
fn a_digest_that_nobody_vouched_for_is_no_proof_to_a_policy_that_wants_one() {
    let host = Host::new();
    let lax = ModelProvisioner::file_only(host.cache())
        .unwrap()
        .with_policy(managed())
        .unwrap();
    let mut policy = managed();
    policy.unverified = Unverified::Refuse;
    let strict = ModelProvisioner::file_only(host.cache())
        .unwrap()
        .with_policy(policy)
        .unwrap();
    let path = host.model("m.bin", "weights");
    let request = ProvisionRequest::new(reference(&path));
    let report = lax.provision(&request).unwrap();
    assert_eq!(
        (report.outcome.kind, report.digest.clone()),
        (Kind::Warn, Some(sha256(&path)))
    );
    assert_eq!(
        model_provisioner::Handoff::of(&report)
            .unwrap()
            .document()
            .digest,
        None
    );
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
