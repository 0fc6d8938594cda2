use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use catalog_core::{
    Basis, CatalogStore, ContentCheck, Digest, DigestAlgorithm, LifecycleState, Method,
};
use model_provisioner::{Policy, Provided, ProvisionError, ProvisionRequest, StagingMode};

use crate::util::{Host, as_unprivileged, id_of, reference, sha256, state_of};

/// PROV-102, ORCH-3702
#[test]
fn a_local_model_is_used_where_it_is_and_registered_as_active() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    for text in [path.to_str().unwrap().to_owned(), id_of(&path)] {
        let resolved = host.provisioner.ensure_present_str(&text, None).unwrap();
        assert_eq!(resolved.local_path, path);
        assert_eq!(resolved.id, id_of(&path));
    }
    let entry = host.entry(&id_of(&path)).unwrap();
    assert_eq!(entry.local_path, path);
    assert_eq!(entry.lifecycle, LifecycleState::Active);
    assert_eq!((entry.digest, entry.last_verified_ms), (None, None));
    let located = host
        .provisioner
        .catalog()
        .locate(&reference(&path))
        .unwrap()
        .unwrap();
    assert_eq!(located.local_path, path);
}

/// PROV-102
#[test]
fn a_folder_is_a_model_too() {
    let host = Host::new();
    let file = host.model("repo/config.json", "{}");
    host.model("repo/model.safetensors", "weights");
    let folder = file.parent().unwrap();
    let digest = catalog_core::Digest::of_tree(folder).unwrap();
    let report = host
        .provisioner
        .provision(&ProvisionRequest::new(reference(folder)).expecting(digest.clone()))
        .unwrap();
    assert_eq!(report.resolved.local_path, folder);
    assert_eq!(report.digest, Some(digest.clone()));
    assert_eq!(host.entry(&id_of(folder)).unwrap().digest, Some(digest));
    fs::write(folder.join("extra"), "").unwrap();
    let error = host
        .provisioner
        .ensure_present(&reference(folder), None)
        .unwrap_err();
    assert_eq!(error.code(), "digest_mismatch", "{error}");
}

/// PROV-103, ORCH-3702, ORCH-3703
#[test]
fn success_with_a_digest_pins_it_and_says_when_it_passed() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    let before = now_ms();
    host.provisioner
        .ensure_present(&reference(&path), Some(sha256(&path)))
        .unwrap();
    let entry = host.entry(&id_of(&path)).unwrap();
    assert_eq!(entry.digest, Some(sha256(&path)));
    let verified = entry.last_verified_ms.unwrap();
    assert!((before..=now_ms()).contains(&verified));
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_millis().try_into().unwrap()
}

/// PROV-103
#[test]
fn a_retired_model_turns_active_again() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    host.provisioner
        .ensure_present(&reference(&path), Some(sha256(&path)))
        .unwrap();
    let catalog = host.provisioner.catalog();
    catalog
        .set_state(&id_of(&path), LifecycleState::Retired)
        .unwrap();
    host.provisioner
        .ensure_present(&reference(&path), None)
        .unwrap();
    let entry = host.entry(&id_of(&path)).unwrap();
    assert_eq!(entry.lifecycle, LifecycleState::Active);
    assert_eq!(
        entry.digest,
        Some(sha256(&path)),
        "and its pinned digest stays"
    );
}

/// PROV-107
#[test]
fn a_second_call_for_an_unchanged_model_writes_nothing() {
    let host = Host::new();
    let with = host.model("with.gguf", "weights");
    let without = host.model("without.gguf", "weights");
    let call = || {
        let digest = Some(sha256(&with));
        host.provisioner
            .ensure_present(&reference(&with), digest)
            .unwrap();
        host.provisioner
            .ensure_present(&reference(&with), None)
            .unwrap();
        host.provisioner
            .ensure_present(&reference(&without), None)
            .unwrap();
    };
    call();
    host.settle(&id_of(&with));
    let before = state_of(&host.cache());
    call();
    assert_eq!(state_of(&host.cache()), before);
    let again = host
        .provisioner
        .provision(&ProvisionRequest::new(reference(&with)))
        .unwrap();
    assert_eq!(again.provided, Provided::AlreadyPresent);
    assert_eq!((again.staged_bytes, again.assurance.basis), (0, Basis::Pin));
    assert_eq!(again.assurance.method, Some(Method::Fingerprint));
    assert!(!again.is_catalog_changed);
}

/// PROV-110
#[test]
fn the_time_of_verification_is_set_by_one_and_decides_nothing() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    let ensure = || host.provisioner.ensure_present(&reference(&path), None);
    host.provisioner
        .ensure_present(&reference(&path), Some(sha256(&path)))
        .unwrap();
    host.settle(&id_of(&path));
    let recent = host.entry(&id_of(&path)).unwrap();
    let now = recent.last_verified_ms.unwrap();
    for other in [Some(0), Some(now + 3_600_000), None] {
        let mut entry = recent.clone();
        entry.last_verified_ms = other;
        host.provisioner.catalog().put(&entry).unwrap();
        let before = state_of(&host.cache());
        ensure().unwrap();
        assert_eq!(state_of(&host.cache()), before, "{other:?} has it hashed");
        assert_eq!(host.entry(&id_of(&path)), Some(entry));
    }
    fs::write(&path, "weights").unwrap();
    ensure().unwrap();
    let updated = host.entry(&id_of(&path)).unwrap().last_verified_ms.unwrap();
    assert!((now..now + 3_600_000).contains(&updated), "{updated}");
}

/// PROV-113
#[test]
fn below_a_root_that_cannot_be_written_only_what_is_proved_is_present() {
    let name = "engine::local_files::\
                below_a_root_that_cannot_be_written_only_what_is_proved_is_present";
    as_unprivileged(name, || {
        let host = Host::new();
        let known = host.model("known.gguf", "weights");
        let new = host.model("new.gguf", "others");
        let ensure =
            |path: &Path, digest| host.provisioner.ensure_present(&reference(path), digest);
        ensure(&known, Some(sha256(&known))).unwrap();
        host.settle(&id_of(&known));
        let set_mode = |mode| {
            for folder in [host.cache(), host.cache().join("locks")] {
                fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
            }
            for file in fs::read_dir(host.cache().join("locks")).unwrap() {
                let file = file.unwrap().path();
                if file.is_file() {
                    fs::set_permissions(file, fs::Permissions::from_mode(mode & 0o666)).unwrap();
                }
            }
            let flights = host.cache().join("locks/flights");
            if flights.exists() {
                fs::set_permissions(flights, fs::Permissions::from_mode(mode)).unwrap();
            }
        };
        set_mode(0o555);
        let proved = ensure(&known, None);
        fs::write(&known, "weights").unwrap();
        let hashed = ensure(&known, None);
        let unknown = ensure(&new, Some(sha256(&new)));
        let other = Digest::compute(&known, DigestAlgorithm::Sha512, &mut |_| {}).unwrap();
        let not_pinned = ensure(&known, Some(other));
        set_mode(0o755);
        assert_eq!(proved.unwrap().local_path, known);
        assert_eq!(hashed.unwrap().local_path, known, "it is recorded already");
        assert_eq!(unknown.unwrap_err().code(), "not_writable");
        assert_eq!(not_pinned.unwrap_err().code(), "not_writable");
    });
}

/// PROV-111
#[test]
fn a_model_that_is_not_there_is_an_error_and_registers_nothing() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    fs::remove_file(&path).unwrap();
    let error = host
        .provisioner
        .ensure_present(&reference(&path), None)
        .unwrap_err();
    assert_eq!(error.code(), "artifact_missing");
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );
    assert_eq!(host.entry(&id_of(&path)), None);

    symlink("/dev/null", &path).unwrap();
    let error = host
        .provisioner
        .ensure_present(&reference(&path), None)
        .unwrap_err();
    assert_eq!(error.code(), "artifact_unusable");
    for text in ["", "hf:org", "ftp://host/x"] {
        let error = host.provisioner.ensure_present_str(text, None).unwrap_err();
        assert!(matches!(error, ProvisionError::Catalog(_)), "{error}");
    }
    assert_eq!(host.provisioner.catalog().list().unwrap(), []);
}

/// PROV-112
#[test]
fn a_registered_model_that_vanished_is_an_error_and_keeps_its_entry() {
    let host = Host::new();
    let path = host.model("m.gguf", "weights");
    host.provisioner
        .ensure_present(&reference(&path), Some(sha256(&path)))
        .unwrap();
    let before = host.entry(&id_of(&path));
    fs::remove_file(&path).unwrap();
    let error = host
        .provisioner
        .ensure_present(&reference(&path), None)
        .unwrap_err();
    assert_eq!(error.code(), "artifact_missing");
    assert_eq!(host.entry(&id_of(&path)), before);
}

/// PROV-114
#[test]
fn the_policy_decides_about_the_content_of_a_new_model_in_place_and_in_the_store() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n";
    for staging in [StagingMode::InPlace, StagingMode::Managed] {
        for (content, wrong, fake) in [
            (ContentCheck::RefuseWrong, "format_refused", "ok"),
            (
                ContentCheck::RefuseUnrecognised,
                "format_refused",
                "format_refused",
            ),
            (ContentCheck::Skip, "ok", "ok"),
        ] {
            let host = Host::new();
            let mut policy = Policy::default();
            (policy.staging, policy.content) = (staging, content);
            let provisioner = host.with(policy);
            for (name, bytes, expected) in [
                ("pointer.bin", pointer, wrong),
                ("fake.gguf", "weights", fake),
            ] {
                let path = host.model(name, bytes);
                let digest = Some(sha256(&path));
                let found = provisioner.ensure_present(&reference(&path), digest);
                let code = found.as_ref().map_or_else(ProvisionError::code, |_| "ok");
                assert_eq!(code, expected, "{staging:?}, {content:?}: {name}");
                let is_registered = host.entry(&id_of(&path)).is_some();
                assert_eq!(is_registered, expected == "ok");
                if let Err(error) = found {
                    let text = error.to_string();
                    assert!(text.contains(path.to_str().unwrap()), "{text}");
                }
            }
        }
    }
}
