use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use catalog_core::maintenance::{ScrubBudget, Verification, Verify};
use catalog_core::{
    CatalogEntry, CatalogStore, Digest, FsCatalog, ImportRequest, LifecycleState, Method,
    VerificationOutcomeKind as Kind,
};

use crate::util::{entry, model_id, replacing};

fn verify(catalog: &FsCatalog, id: &str, how: Verify) -> Verification {
    catalog.verify(id, how, &mut |_| Ok(())).unwrap()
}

fn import(catalog: &FsCatalog, folder: &Path, id: &str, content: &str) -> CatalogEntry {
    let source = folder.join(format!("{id}.bin"));
    fs::write(&source, content).unwrap();
    catalog
        .import(&ImportRequest::new(&model_id(id), &source), &mut |_| Ok(()))
        .unwrap()
}

/// Writes other bytes of the same length into a read-only file, and sets its time back.
fn rot(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    bytes[0] ^= 1;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o444)).unwrap();
    let file = fs::File::open(path).unwrap();
    file.set_modified(modified).unwrap();
}

/// Verifies until a fingerprint is proof, which takes as long as clocks of file systems are coarse.
fn settle(catalog: &FsCatalog, id: &str) {
    let begin = Instant::now();
    while verify(catalog, id, Verify::Quick).assurance.method != Some(Method::Fingerprint) {
        assert!(begin.elapsed() < Duration::from_secs(60), "it settles");
    }
}

/// CAT-850
#[test]
fn what_has_not_changed_is_not_hashed_again_and_any_change_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let outside = folder.path().join("outside.bin");
    fs::write(&outside, "bytes").unwrap();
    catalog
        .put(&CatalogEntry {
            digest: Some(Digest::of_file(&outside).unwrap()),
            ..entry("outside", &outside)
        })
        .unwrap();
    import(&catalog, folder.path(), "managed", "weights");

    for id in ["managed", "outside"] {
        let first = verify(&catalog, id, Verify::Quick);
        let expected = match id {
            "managed" => Method::Fingerprint,
            _ => Method::Hashed,
        };
        assert_eq!(first.assurance.method, Some(expected), "{id}");
        settle(&catalog, id);
        // In another process, too.
        let other = FsCatalog::new(catalog.root()).unwrap();
        let quick = verify(&other, id, Verify::Quick);
        assert_eq!(
            (quick.assurance.method, quick.hashed),
            (Some(Method::Fingerprint), 0)
        );
        assert_eq!(quick.outcome.kind, Kind::Pass);
        let full = verify(&other, id, Verify::Full);
        assert_eq!(full.assurance.method, Some(Method::Hashed));
    }
    rot(&outside);
    let found = verify(&catalog, "outside", Verify::Quick);
    assert_eq!(found.outcome.kind, Kind::Fail);
    assert!(
        found.quarantined.is_empty() && outside.exists(),
        "it is not ours to move"
    );
    rot(&outside);
    let mended = verify(&catalog, "outside", Verify::Quick);
    assert_eq!(
        (mended.outcome.kind, mended.assurance.method),
        (Kind::Pass, Some(Method::Hashed))
    );
}

/// CAT-850
#[test]
fn a_pin_of_another_digest_is_not_proved_by_an_old_fingerprint() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let outside = folder.path().join("outside.bin");
    fs::write(&outside, "bytes").unwrap();
    let proved = CatalogEntry {
        digest: Some(Digest::of_file(&outside).unwrap()),
        ..entry("outside", &outside)
    };
    catalog.put(&proved).unwrap();
    settle(&catalog, "outside");
    let digest = Some(format!("sha256:{}", "0".repeat(64)).parse().unwrap());
    catalog.put(&CatalogEntry { digest, ..proved }).unwrap();
    let found = verify(&catalog, "outside", Verify::Quick);
    assert_eq!(found.outcome.kind, Kind::Fail);
    catalog.put(&entry("outside", &outside)).unwrap();
    let nothing = verify(&catalog, "outside", Verify::Full);
    assert_eq!(
        (nothing.outcome.kind, nothing.assurance),
        (Kind::Warn, Default::default())
    );
}

/// CAT-851
#[test]
fn a_managed_file_that_fails_is_kept_aside_with_its_evidence_and_no_longer_served() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let a = import(&catalog, folder.path(), "a", "weights");
    let b = import(&catalog, folder.path(), "b", "weights");
    import(&catalog, folder.path(), "c", "others");
    assert_eq!(verify(&catalog, "a", Verify::Full).outcome.kind, Kind::Pass);
    rot(&a.local_path);

    let found = verify(&catalog, "a", Verify::Quick);
    assert_eq!(found.outcome.kind, Kind::Fail);
    let [kept] = &found.quarantined[..] else {
        panic!("one file: {found:?}");
    };
    assert_eq!(fs::read(kept).unwrap(), b"veights", "the bytes are kept");
    let evidence = fs::read_to_string(kept.with_file_name("evidence.json")).unwrap();
    for part in [
        "\"ids\":[\"a\",\"b\"]",
        &a.digest.as_ref().unwrap().value,
        &Digest::of_file(kept).unwrap().value,
        "\"size\":[7,7]",
        "\"last_good_ms\":",
    ] {
        assert!(evidence.contains(part), "{part} in {evidence}");
    }
    for entry in [a, b] {
        let now = catalog.get(&entry.id).unwrap().unwrap();
        assert_eq!(now.lifecycle, LifecycleState::Retired, "{}", entry.id);
        assert!(!catalog.exists(&entry.id).unwrap(), "{}", entry.id);
        let blob = &entry.digest.unwrap().value;
        let blob = catalog
            .root()
            .join("blobs/sha256")
            .join(&blob[..2])
            .join(blob);
        assert!(!blob.exists(), "the next import does not share it");
    }
    let c = catalog.get("c").unwrap().unwrap();
    assert_eq!(c.lifecycle, LifecycleState::Active);
}

/// CAT-851
#[test]
fn a_managed_model_is_what_its_entry_expects_and_no_more_and_no_less() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let source = folder.path().join("model");
    fs::create_dir(&source).unwrap();
    // Two of them have the same bytes, so they are one file there.
    for (name, content) in [("a", "same"), ("b", "same"), ("c", "other")] {
        fs::write(source.join(name), content).unwrap();
    }
    let fails = |spoil: &dyn Fn(&CatalogEntry)| {
        let entry = catalog
            .import(&replacing(&catalog, &model_id("m"), &source), &mut |_| {
                Ok(())
            })
            .unwrap();
        assert_eq!(verify(&catalog, "m", Verify::Full).outcome.kind, Kind::Pass);
        spoil(&entry);
        let found = verify(&catalog, "m", Verify::Quick);
        assert_eq!(found.outcome.kind, Kind::Fail, "{found:?}");
        let now = catalog.get("m").unwrap().unwrap();
        assert_eq!(now.lifecycle, LifecycleState::Retired);
        (entry, found)
    };
    fails(&|entry| {
        let digest = format!("sha256-tree:{}", "0".repeat(64)).parse().unwrap();
        let entry = entry.clone();
        let digest = Some(digest);
        catalog.put(&CatalogEntry { digest, ..entry }).unwrap();
    });
    fails(&|entry| fs::remove_file(entry.local_path.join("c")).unwrap());
    let (_, found) = fails(&|entry| rot(&entry.local_path.join("a")));
    assert_eq!(found.quarantined.len(), 1, "one file under two names");
    let (entry, _) = fails(&|entry| fs::write(entry.local_path.join("code.py"), "x").unwrap());
    fs::remove_file(entry.local_path.join("code.py")).unwrap();
    assert_eq!(verify(&catalog, "m", Verify::Full).outcome.kind, Kind::Pass);
}

/// CAT-851
#[test]
fn a_damaged_manifest_elsewhere_keeps_no_bad_file_in_service() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let m = import(&catalog, folder.path(), "m", "weights");
    let other = import(&catalog, folder.path(), "other", "others");
    let manifest = other
        .local_path
        .parent()
        .unwrap()
        .with_file_name("manifest.json");
    fs::write(manifest, "junk").unwrap();
    rot(&m.local_path);
    assert_eq!(verify(&catalog, "m", Verify::Full).outcome.kind, Kind::Fail);
    assert!(!catalog.exists("m").unwrap());
}

/// CAT-852
#[test]
fn a_scrub_begins_with_the_oldest_and_goes_on_where_the_last_one_ended() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    for id in ["a", "b", "c", "d"] {
        import(&catalog, folder.path(), id, "weights");
    }
    verify(&catalog, "b", Verify::Full);
    let scrub = |bytes: u64| {
        let budget = ScrubBudget::new(bytes, Duration::from_secs(600));
        // In another process each time.
        let catalog = FsCatalog::new(catalog.root()).unwrap();
        let report = catalog.scrub(budget, &mut |_, _| Ok(())).unwrap();
        let ids: Vec<String> = report.verified.into_iter().map(|found| found.id).collect();
        (ids, report.left)
    };
    assert_eq!(scrub(8), (vec!["a".to_owned(), "c".to_owned()], 2));
    assert_eq!(scrub(8), (vec!["d".to_owned(), "b".to_owned()], 2));
    assert_eq!(scrub(0), (Vec::new(), 4));
    assert_eq!(scrub(7), (vec!["a".to_owned()], 3));

    let a = catalog.get("c").unwrap().unwrap();
    fs::remove_file(&a.local_path).unwrap();
    let budget = ScrubBudget::new(u64::MAX, Duration::MAX);
    let report = catalog.scrub(budget, &mut |_, _| Ok(())).unwrap();
    assert_eq!(report.verified.len(), 4);
    let failed = report
        .verified
        .iter()
        .find(|found| found.id == "c")
        .unwrap();
    assert_eq!(failed.outcome.kind, Kind::Fail);
    let stopped = catalog.scrub(budget, &mut |_, _| {
        Err(catalog_core::CatalogError::Cancelled)
    });
    assert_eq!(stopped.unwrap_err().code(), "cancelled");
}
