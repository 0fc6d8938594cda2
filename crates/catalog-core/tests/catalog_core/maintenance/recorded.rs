use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use catalog_core::maintenance::{ScrubBudget, Verify};
use catalog_core::{
    Basis, CatalogEntry, CatalogStore, Digest, Expectation, Expected, FsCatalog, Import,
    ImportRequest, LifecycleState, Method, RecordedVerification, VerificationOutcomeKind as Kind,
};

use crate::util::{as_unprivileged, entry, is_proved, model_id, state_of};

pub(super) const ALL: ScrubBudget = ScrubBudget::new(u64::MAX, Duration::MAX);

/// A catalog beside a folder for models.
pub(super) fn host() -> (tempfile::TempDir, FsCatalog) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    (folder, catalog)
}

/// Writes a file and gives the entry of it with its digest.
pub(super) fn outside(folder: &Path, id: &str, content: &str) -> CatalogEntry {
    let path = folder.join(format!("{id}.bin"));
    fs::write(&path, content).unwrap();
    CatalogEntry {
        digest: Some(Digest::of_file(&path).unwrap()),
        ..entry(id, path)
    }
}

fn verify(catalog: &FsCatalog, id: &str, how: Verify) -> catalog_core::maintenance::Verification {
    catalog.verify(id, how, &mut |_| Ok(())).unwrap()
}

pub(super) fn recorded(catalog: &FsCatalog, id: &str) -> Option<RecordedVerification> {
    catalog.snapshot().unwrap().verification(id)
}

/// CAT-1000
#[test]
fn a_warm_read_of_a_fresh_import_reads_no_byte() {
    let (folder, catalog) = host();
    let file = folder.path().join("model.bin");
    fs::write(&file, "weights").unwrap();
    let several = folder.path().join("several");
    fs::create_dir(&several).unwrap();
    for (name, content) in [("a", "same"), ("b", "same"), ("c", "other")] {
        fs::write(several.join(name), content).unwrap();
    }
    for (id, source, how) in [
        ("copy", &file, Import::Copy),
        ("folder", &several, Import::Auto),
    ] {
        let wanted = model_id(id);
        let mut request = ImportRequest::new(&wanted, source);
        request.how = how;
        let entry = catalog.import(&request, &mut |_| Ok(())).unwrap();
        let other = FsCatalog::new(catalog.root()).unwrap();
        assert!(is_proved(&other, &entry.id, None), "{id}");
        let quick = verify(&other, id, Verify::Quick);
        assert_eq!(
            (quick.outcome.kind, quick.hashed, quick.assurance.method),
            (Kind::Pass, 0, Some(Method::Fingerprint)),
            "{id}"
        );
        assert_eq!(quick.assurance.basis, Basis::OwnHash, "{id}");
    }
    // What is there already is completed.
    fs::remove_file(catalog.get("folder").unwrap().unwrap().local_path.join("c")).unwrap();
    catalog
        .import(
            &ImportRequest::new(&model_id("folder"), &several),
            &mut |_| Ok(()),
        )
        .unwrap();
    let full = verify(&catalog, "folder", Verify::Full);
    assert_eq!(full.outcome.kind, Kind::Pass);
}

/// CAT-1001
#[test]
fn what_somebody_else_wrote_just_now_is_hashed_once_more() {
    let (folder, catalog) = host();
    let original = folder.path().join("model.bin");
    fs::write(&original, "weights").unwrap();
    let wanted = model_id("linked");
    let mut request = ImportRequest::new(&wanted, &original);
    request.how = Import::HardLink;
    catalog.import(&request, &mut |_| Ok(())).unwrap();

    let staging = catalog.artifacts().stage(&model_id("tool"), 0).unwrap();
    fs::write(staging.folder().join("tool.bin"), "by a tool").unwrap();
    let verified = staging.verify(&Expectation::default(), &mut |_| Ok(()));
    let artifact = verified.unwrap().publish().unwrap();
    catalog.register(&artifact, Expected::Absent).unwrap();

    let mut staging = catalog.artifacts().stage(&model_id("own"), 0).unwrap();
    let mut file = staging.create("own.bin").unwrap();
    file.write_all(b"by this library").unwrap();
    file.finish().unwrap();
    let verified = staging.verify(&Expectation::default(), &mut |_| Ok(()));
    let artifact = verified.unwrap().publish().unwrap();
    catalog.register(&artifact, Expected::Absent).unwrap();

    for (id, expected) in [("linked", false), ("tool", false), ("own", true)] {
        let entry = catalog.get(id).unwrap().unwrap();
        assert_eq!(is_proved(&catalog, &entry.id, None), expected, "{id}");
        let quick = verify(&catalog, id, Verify::Quick);
        assert_eq!(quick.hashed == 0, expected, "{id}");
        assert_eq!(recorded(&catalog, id).unwrap().outcome.kind, Kind::Pass);
    }
}

/// CAT-1002
#[test]
fn a_put_of_the_same_path_and_digest_keeps_the_proof_and_any_other_drops_it() {
    let (folder, catalog) = host();
    let model = outside(folder.path(), "m", "weights");
    catalog.put(&model).unwrap();
    assert_eq!(recorded(&catalog, "m"), None);
    verify(&catalog, "m", Verify::Full);
    let proof = recorded(&catalog, "m").unwrap();
    assert_eq!(proof.outcome.kind, Kind::Pass);
    assert_eq!(proof.assurance.basis, Basis::Pin);

    let retired = CatalogEntry {
        lifecycle: LifecycleState::Retired,
        last_verified_ms: Some(7),
        ..model.clone()
    };
    catalog.put(&retired).unwrap();
    assert_eq!(recorded(&catalog, "m"), Some(proof.clone()));
    let now = catalog.get("m").unwrap().unwrap();
    assert_eq!(now.last_verified_ms, Some(7), "as it is given");
    verify(&catalog, "m", Verify::Full);
    let now = catalog.get("m").unwrap().unwrap();
    assert!(now.last_verified_ms > Some(7), "a verification sets it");

    let elsewhere = CatalogEntry {
        local_path: outside(folder.path(), "copy", "weights").local_path,
        ..model.clone()
    };
    let without = CatalogEntry {
        digest: None,
        ..model.clone()
    };
    for other in [elsewhere, without] {
        catalog.put(&model).unwrap();
        verify(&catalog, "m", Verify::Full);
        assert!(recorded(&catalog, "m").is_some());
        catalog.put(&other).unwrap();
        assert_eq!(recorded(&catalog, "m"), None);
    }
}

/// CAT-1003
#[test]
fn a_failure_is_recorded_and_never_decides_without_a_new_look() {
    let (folder, catalog) = host();
    let model = outside(folder.path(), "m", "weights");
    catalog.put(&model).unwrap();
    fs::write(&model.local_path, "WEIGHTS").unwrap();
    let found = verify(&catalog, "m", Verify::Quick);
    assert_eq!(found.outcome.kind, Kind::Fail);
    let failure = recorded(&catalog, "m").unwrap();
    assert_eq!(failure.outcome, found.outcome, "with its reason");
    assert_eq!(failure.assurance, found.assurance);
    assert!(!is_proved(&catalog, &model.id, None));

    fs::write(&model.local_path, "weights").unwrap();
    let mended = verify(&catalog, "m", Verify::Quick);
    assert_eq!(mended.outcome.kind, Kind::Pass);

    fs::write(&model.local_path, "WEIGHTS").unwrap();
    verify(&catalog, "m", Verify::Quick);
    catalog.put(&model).unwrap();
    assert_eq!(recorded(&catalog, "m"), None, "a put ends it");
}

/// CAT-1004
#[test]
fn a_snapshot_that_leaves_the_host_says_what_was_found_and_nothing_of_the_host() {
    let (folder, catalog) = host();
    catalog
        .put(&outside(folder.path(), "m", "weights"))
        .unwrap();
    verify(&catalog, "m", Verify::Full);
    let json = serde_json::to_value(catalog.snapshot().unwrap()).unwrap();
    let entry = json["entries"]["m"].as_object().unwrap();
    let proof = entry["proof"].as_object().unwrap();
    let names: Vec<&str> = proof.keys().map(String::as_str).collect();
    assert_eq!(names, ["at_ms", "basis", "outcome"]);
    assert_eq!(
        (&proof["outcome"], &proof["basis"]),
        (&"pass".into(), &"pin".into())
    );
    assert!(!entry.contains_key("attempt"));
    assert_eq!(entry["size"], 7);
}

/// CAT-1005
#[test]
fn a_failed_managed_model_is_recorded_as_failed_and_retired() {
    let (folder, catalog) = host();
    let source = folder.path().join("model.bin");
    fs::write(&source, "weights").unwrap();
    let entry = catalog
        .import(
            &ImportRequest::new(&model_id("m"), &source),
            &mut |_| Ok(()),
        )
        .unwrap();
    fs::remove_file(&entry.local_path).unwrap();
    let before = catalog.snapshot().unwrap().generation();
    assert_eq!(
        verify(&catalog, "m", Verify::Quick).outcome.kind,
        Kind::Fail
    );
    let after = catalog.snapshot().unwrap();
    assert_eq!(after.generation(), before + 1, "one write");
    assert_eq!(after.get("m").unwrap().lifecycle, LifecycleState::Retired);
    let outcome = after.verification("m").unwrap().outcome;
    assert_eq!(outcome.kind, Kind::Fail);
    assert!(outcome.reason.unwrap().contains("model.bin is missing"));
}

/// CAT-1006
#[test]
fn where_nothing_can_be_written_a_verification_still_tells_its_outcome() {
    use std::os::unix::fs::PermissionsExt;
    let name = "maintenance::recorded::where_nothing_can_be_written_a_verification_still_tells_its_outcome";
    as_unprivileged(name, || {
        let (folder, catalog) = host();
        let good = outside(folder.path(), "good", "weights");
        let bad = outside(folder.path(), "bad", "weights");
        let source = folder.path().join("model.bin");
        fs::write(&source, "managed").unwrap();
        let wanted = model_id("managed");
        let request = ImportRequest::new(&wanted, &source);
        let managed = catalog.import(&request, &mut |_| Ok(())).unwrap();
        catalog.put(&good).unwrap();
        catalog.put(&bad).unwrap();
        fs::write(&bad.local_path, "WEIGHTS").unwrap();
        fs::set_permissions(&managed.local_path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(&managed.local_path, "MANAGED").unwrap();
        let set_mode = |mode| {
            for folder in [catalog.root().to_path_buf(), catalog.root().join("locks")] {
                fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
            }
            let lock = catalog.root().join("locks/index.lock");
            fs::set_permissions(lock, fs::Permissions::from_mode(mode & 0o666)).unwrap();
        };
        set_mode(0o555);
        let before = state_of(catalog.root());
        for (id, expected) in [
            ("good", Kind::Pass),
            ("bad", Kind::Fail),
            ("managed", Kind::Fail),
        ] {
            let found = verify(&catalog, id, Verify::Full);
            assert_eq!(found.outcome.kind, expected, "{id}");
            assert!(found.quarantined.is_empty(), "{id}");
        }
        assert_eq!(
            catalog
                .scrub(ALL, &mut |_, _| Ok(()))
                .unwrap()
                .verified
                .len(),
            3
        );
        assert_eq!(state_of(catalog.root()), before);
        let put = catalog.put(&outside(folder.path(), "new", "new"));
        set_mode(0o755);
        assert_eq!(put.unwrap_err().code(), "not_writable");
    });
}

/// CAT-1007
#[test]
fn where_nothing_was_compared_nothing_is_recorded() {
    let (folder, catalog) = host();
    let path = folder.path().join("m.bin");
    fs::write(&path, "weights").unwrap();
    catalog.put(&entry("m", &path)).unwrap();
    let before = state_of(catalog.root());
    let found = verify(&catalog, "m", Verify::Full);
    assert_eq!((found.outcome.kind, found.hashed), (Kind::Warn, 0));
    assert_eq!(found.assurance.method, None);
    assert_eq!(state_of(catalog.root()), before);
    assert_eq!(recorded(&catalog, "m"), None);
}
