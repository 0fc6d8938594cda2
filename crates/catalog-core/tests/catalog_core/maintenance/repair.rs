use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use catalog_core::maintenance::Verify;
use catalog_core::{
    CatalogEntry, CatalogStore, Digest, FsCatalog, LifecycleState, VerificationOutcomeKind as Kind,
};

use crate::util::{entry, model_id, replacing};

fn import(catalog: &FsCatalog, source: &Path, id: &str) -> CatalogEntry {
    catalog
        .import(&replacing(catalog, &model_id(id), source), &mut |_| Ok(()))
        .unwrap()
}

fn rot(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, "rotten").unwrap();
}

/// CAT-860
#[test]
fn only_what_is_bad_or_missing_is_brought_and_only_if_it_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("model");
    fs::create_dir(&source).unwrap();
    for name in ["a", "b", "c"] {
        fs::write(source.join(name), format!("content of {name}")).unwrap();
    }
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let first = import(&catalog, &source, "first");
    let second = import(&catalog, &source, "second");
    rot(&first.local_path.join("b"));
    fs::remove_file(first.local_path.join("c")).unwrap();

    let error = catalog
        .repair(
            "first",
            &mut |_, file| {
                file.write_all(b"something else").unwrap();
                Ok(())
            },
            &mut |_| Ok(()),
        )
        .unwrap_err();
    assert_eq!(error.code(), "digest_mismatch");
    let now = catalog.get("first").unwrap().unwrap();
    assert_eq!(now.lifecycle, LifecycleState::Retired);

    let mut asked = Vec::new();
    let report = catalog
        .repair(
            "first",
            &mut |bad, file| {
                asked.push(bad.file.name.clone());
                assert_eq!(bad.manifest.id, "first");
                file.write_all(&fs::read(source.join(&bad.file.name)).unwrap())
                    .unwrap();
                Ok(())
            },
            &mut |_| Ok(()),
        )
        .unwrap();
    assert_eq!(asked, ["b"], "c is taken from the blob of its bytes");
    assert_eq!((report.fetched, report.kept), (vec!["b".to_owned()], 1));
    assert_eq!(report.entry.local_path, first.local_path);
    assert_eq!(report.entry.digest, Some(Digest::of_tree(&source).unwrap()));
    let now = catalog.get("first").unwrap().unwrap();
    assert_eq!(now.lifecycle, LifecycleState::Active);

    // The other lost the same bytes, and gets them without asking.
    let now = catalog.get("second").unwrap().unwrap();
    assert_eq!(now.lifecycle, LifecycleState::Retired);
    let report = catalog
        .repair(
            "second",
            &mut |bad, _| panic!("{} is here", bad.file.name),
            &mut |_| Ok(()),
        )
        .unwrap();
    assert!(report.fetched.is_empty());
    for id in ["first", "second"] {
        let found = catalog.verify(id, Verify::Full, &mut |_| Ok(())).unwrap();
        assert_eq!(found.outcome.kind, Kind::Pass, "{id}");
    }
    assert_eq!(
        second.digest,
        Some(Digest::of_tree(&second.local_path).unwrap())
    );
}

/// CAT-860
#[test]
fn a_repair_leaves_what_somebody_did_to_the_entry_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("m.bin");
    fs::write(&source, "content").unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let conflict = |change: &dyn Fn()| {
        let entry = import(&catalog, &source, "m");
        rot(&entry.local_path);
        let outcome = catalog.repair(
            "m",
            &mut |_, file| {
                change();
                file.write_all(b"content").unwrap();
                Ok(())
            },
            &mut |_| Ok(()),
        );
        assert_eq!(outcome.unwrap_err().code(), "conflict");
    };
    let other = folder.path().join("other.bin");
    fs::write(&other, "other").unwrap();
    conflict(&|| {
        import(&catalog, &other, "m");
    });
    let now = catalog.get("m").unwrap().unwrap();
    assert_eq!(fs::read(now.local_path).unwrap(), b"other");
    conflict(&|| {
        let _ = catalog.delete("m");
    });
    assert_eq!(catalog.get("m").unwrap(), None);
}

/// CAT-860
#[test]
fn a_model_that_is_not_managed_is_not_repaired() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    catalog.put(&entry("own", "own.bin")).unwrap();
    let error = catalog
        .repair("own", &mut |_, _| Ok(()), &mut |_| Ok(()))
        .unwrap_err();
    assert_eq!(error.code(), "invalid_entry");
    let error = catalog
        .repair("nothing", &mut |_, _| Ok(()), &mut |_| Ok(()))
        .unwrap_err();
    assert_eq!(error.code(), "not_found");
}
