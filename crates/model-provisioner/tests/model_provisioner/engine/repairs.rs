//! Managed models that are damaged, or whose source is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use catalog_core::{CatalogStore, LifecycleState, VerificationOutcomeKind as Kind};
use model_provisioner::{OnMismatch, Provided, ProvisionRequest};

use crate::util::{Host, managed, reference, sha256};

fn rot(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, "ROTTEN!").unwrap();
}

/// PROV-141
#[test]
fn a_managed_model_that_rots_or_loses_files_is_repaired_from_its_source() {
    let host = Host::new();
    let provisioner = host.with(managed());
    let folder = host.folder(
        "repo",
        &[("config.json", "{}"), ("sub/weights.bin", "weights")],
    );
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
        assert_eq!(report.staged_bytes, good.len() as u64);
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
    let provisioner = host.with(managed());
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

/// PROV-146
#[test]
fn a_stranger_in_the_folder_of_a_managed_model_is_set_aside() {
    let host = Host::new();
    let provisioner = host.with(managed());
    let folder = host.folder("repo", &[("config.json", "{}"), ("weights.bin", "weights")]);
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
    let provisioner = host.with(policy);
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
