use std::fs;

use catalog_core::maintenance::Verify;
use catalog_core::{
    CatalogEntry, CatalogStore, Digest, Expectation, Expected, FsCatalog, ImportRequest, Method,
    VerificationOutcomeKind as Kind,
};

use crate::util::{entry, is_proved, model_id};

/// CAT-854
#[test]
fn what_was_just_hashed_is_proof_only_for_who_waited_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let path = folder.path().join("model.bin");
    fs::write(&path, "weights").unwrap();
    let registered = CatalogEntry {
        digest: Some(Digest::of_file(&path).unwrap()),
        ..entry("m", &path)
    };
    let before = catalog.snapshot().unwrap();
    let found = catalog
        .verify_candidate(&registered, &mut |_| Ok(()))
        .unwrap();
    assert_eq!(
        (found.outcome.kind, found.assurance.method),
        (Kind::Pass, Some(Method::Hashed))
    );
    assert!(catalog.get("m").unwrap().is_none(), "it registers nothing");
    assert_eq!(catalog.registered("m", Some(&before)).unwrap(), None);

    catalog
        .put_verified(&registered, &found, Expected::Absent)
        .unwrap();
    let is_proved = |since| is_proved(&catalog, "m", since);
    assert!(is_proved(Some(&before)));
    let after = catalog.snapshot().unwrap();
    assert!(!is_proved(Some(&after)), "it is not new");
    assert!(
        !is_proved(None),
        "it changed so lately that nobody could tell"
    );
    fs::write(&path, "changed").unwrap();
    assert!(!is_proved(Some(&before)), "the bytes are others");
    let found = catalog
        .verify_candidate(&registered, &mut |_| Ok(()))
        .unwrap();
    assert_eq!(found.outcome.kind, Kind::Fail);
    assert_eq!(found.actual, Some(Digest::of_file(&path).unwrap()));
    assert!(!is_proved(Some(&before)));
}

/// CAT-855
#[test]
fn a_published_artifact_is_registered_as_verified_when_it_was_staged() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let before = catalog.snapshot().unwrap();
    let mut staging = catalog.artifacts().stage(&model_id("m"), 0).unwrap();
    let mut file = staging.create("model.bin").unwrap();
    std::io::Write::write_all(&mut file, b"weights").unwrap();
    file.finish().unwrap();
    let verified = staging.verify(&Expectation::default(), &mut |_| Ok(()));
    let artifact = verified.unwrap().publish().unwrap();
    let registered = catalog.register(&artifact, Expected::Absent).unwrap();
    assert_eq!(catalog.get("m").unwrap(), Some(registered.clone()));
    assert!(is_proved(&catalog, "m", Some(&before)));
    assert!(is_proved(&catalog, "m", None), "our code wrote it");
    let again = catalog.register(&artifact, Expected::Absent).unwrap_err();
    assert_eq!(again.code(), "conflict");
    assert!(catalog.artifacts().holds(&registered.local_path));
    let manifest = catalog.artifacts().manifest_at(&registered.local_path);
    assert_eq!(manifest.unwrap().unwrap().id, "m");
    let outside = catalog.artifacts().manifest_at(folder.path());
    assert_eq!(outside.unwrap(), None);
}

/// CAT-856
#[test]
fn models_of_the_same_bytes_may_come_and_go_while_one_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let source = folder.path().join("model.bin");
    fs::write(&source, "weights").unwrap();
    let import = |id: &str| {
        let model = model_id(id);
        let request = ImportRequest::new(&model, &source);
        catalog.import(&request, &mut |_| Ok(())).unwrap()
    };
    import("one");
    for is_there in [false, true] {
        let found = catalog.verify("one", Verify::Full, &mut |_| {
            match is_there {
                true => drop(catalog.delete("other")?),
                false => drop(import("other")),
            }
            Ok(())
        });
        assert_eq!(found.unwrap().outcome.kind, Kind::Pass);
    }
}
