use std::fs;
use std::io::Write;

use catalog_core::maintenance::{CollectionPolicy, Evict};
use catalog_core::{
    CatalogError, CatalogStore, Expectation, FsCatalog, Import, ImportRequest, StoreOptions,
};

use crate::util::model_id;

fn with_budget(budget: u64) -> (tempfile::TempDir, FsCatalog) {
    let root = tempfile::tempdir().unwrap();
    let options = StoreOptions::default().budget(budget);
    let catalog = FsCatalog::open(root.path(), options).unwrap();
    (root, catalog)
}

/// CAT-830
#[test]
fn of_two_that_fit_only_alone_one_is_admitted_and_the_other_is_told_who_has_the_space() {
    let (root, catalog) = with_budget(10 << 20);
    let other = FsCatalog::open(root.path(), StoreOptions::default().budget(10 << 20)).unwrap();
    let first = catalog
        .artifacts()
        .stage(&model_id("first"), 6 << 20)
        .unwrap();
    let error = other
        .artifacts()
        .stage(&model_id("second"), 6 << 20)
        .unwrap_err();
    assert_eq!(error.code(), "no_space");
    let text = error.to_string();
    for part in [
        "6291456 bytes are needed",
        "\"first\"",
        &std::process::id().to_string(),
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    drop(
        other
            .artifacts()
            .stage(&model_id("second"), 3 << 20)
            .unwrap(),
    );
    drop(first);
    drop(
        other
            .artifacts()
            .stage(&model_id("second"), 6 << 20)
            .unwrap(),
    );
}

/// CAT-830
#[test]
fn what_is_written_counts_once_and_what_is_not_known_is_not_reserved() {
    let (_root, catalog) = with_budget(10 << 20);
    let mut first = catalog
        .artifacts()
        .stage(&model_id("first"), 6 << 20)
        .unwrap();
    let mut file = first.create("a").unwrap();
    file.write_all(&vec![1; 6 << 20]).unwrap();
    file.finish().unwrap();
    // 4 MiB are left, less a few blocks for folders and claims.
    drop(
        catalog
            .artifacts()
            .stage(&model_id("second"), 3 << 20)
            .unwrap(),
    );
    let error = catalog
        .artifacts()
        .stage(&model_id("second"), 5 << 20)
        .unwrap_err();
    assert_eq!(error.code(), "no_space");
    let unknown = catalog.artifacts().stage(&model_id("unknown"), 0).unwrap();
    drop(unknown);
    first.reserve(7 << 20).unwrap();
    // What is written is not needed once more; what is reserved and not written is.
    first.reserve(9 << 20).unwrap();
    assert_eq!(first.reserve(11 << 20).unwrap_err().code(), "no_space");
    assert_eq!(first.reserve(70 << 20).unwrap_err().code(), "no_space");
    first
        .verify(&Expectation::default(), &mut |_| Ok(()))
        .unwrap()
        .publish()
        .unwrap();
    let error = catalog
        .artifacts()
        .stage(&model_id("third"), 5 << 20)
        .unwrap_err();
    assert_eq!(error.code(), "no_space", "published bytes count as well");
}

/// CAT-831
#[test]
fn more_than_the_disk_has_is_refused_before_a_byte_is_written() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let error = catalog
        .artifacts()
        .stage(&model_id("id"), u64::MAX)
        .unwrap_err();
    if cfg!(feature = "native-fs") {
        assert_eq!(error.code(), "no_space");
    }
    let source = root.path().join("big.bin");
    let file = fs::File::create(&source).unwrap();
    // A file without a byte on disk needs none here.
    file.set_len(1 << 40).unwrap();
    drop(file);
    let mut is_begun = false;
    let stopped = catalog.import(&ImportRequest::new(&model_id("id"), &source), &mut |_| {
        is_begun = true;
        Err(catalog_core::CatalogError::Cancelled)
    });
    assert!(is_begun, "{stopped:?}");
}

/// CAT-834
#[test]
fn a_writer_that_reserved_too_little_reserves_more_until_nothing_is_left() {
    let (_root, catalog) = with_budget(4 << 20);
    let mut staging = catalog.artifacts().stage(&model_id("id"), 10).unwrap();
    let mut file = staging.create("a").unwrap();
    let piece = vec![1; 1 << 20];
    let mut written = 0;
    let error = loop {
        match file.write_all(&piece) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(written, 3, "three pieces fit beside the index files");
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    let cause = error.downcast::<CatalogError>().unwrap();
    assert_eq!(cause.code(), "no_space", "{cause}");
    drop(staging);
    let again = catalog.artifacts().stage(&model_id("id"), 3 << 20);
    drop(again.unwrap());
}

/// CAT-834
#[test]
fn what_another_program_wrote_beyond_the_budget_is_refused() {
    let (_root, catalog) = with_budget(4 << 20);
    let staging = catalog.artifacts().stage(&model_id("id"), 0).unwrap();
    let reservation = staging.reservation();
    fs::write(staging.folder().join("a"), vec![1; 2 << 20]).unwrap();
    reservation.check().unwrap();
    let other = catalog.artifacts().stage(&model_id("other"), 3 << 20);
    assert_eq!(other.unwrap_err().code(), "no_space");
    fs::write(staging.folder().join("b"), vec![1; 3 << 20]).unwrap();
    assert_eq!(reservation.check().unwrap_err().code(), "no_space");
    let verified = staging.verify(&Expectation::default(), &mut |_| Ok(()));
    assert_eq!(verified.unwrap_err().code(), "no_space");
    let other = catalog.artifacts().stage(&model_id("other"), 3 << 20);
    drop(other.unwrap());
}

/// CAT-834
#[test]
fn every_way_to_import_keeps_the_budget() {
    let (root, catalog) = with_budget(4 << 20);
    let source = root.path().join("source.bin");
    for (name, size, is_admitted) in [("a", 3 << 20, true), ("b", 5 << 20, false)] {
        fs::write(&source, vec![name.as_bytes()[0]; size]).unwrap();
        for how in [Import::Auto, Import::HardLink, Import::Copy] {
            let id = model_id(name);
            let mut request = ImportRequest::new(&id, &source);
            request.how = how;
            match catalog.import(&request, &mut |_| Ok(())) {
                Ok(_) => assert!(is_admitted, "{how:?}"),
                Err(error) => {
                    assert!(!is_admitted, "{how:?}: {error}");
                    assert_eq!(error.code(), "no_space", "{how:?}");
                }
            }
            assert_eq!(catalog.delete(name).unwrap(), is_admitted, "{how:?}");
        }
    }
}

/// CAT-834
#[test]
fn a_source_with_holes_that_fills_the_budget_is_refused() {
    let (root, catalog) = with_budget(4 << 20);
    let source = root.path().join("source.bin");
    let file = fs::File::create(&source).unwrap();
    file.set_len(64 << 20).unwrap();
    for at in (0..64).map(|number| number << 20) {
        std::os::unix::fs::FileExt::write_all_at(&file, b"x", at).unwrap();
    }
    let id = model_id("id");
    let mut request = ImportRequest::new(&id, &source);
    request.how = Import::Copy;
    let error = catalog.import(&request, &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.code(), "no_space", "{error}");
}

/// CAT-835
#[test]
fn a_collection_removes_no_more_hard_links_than_the_budget_wants() {
    let (root, catalog) = with_budget(64 << 20);
    for name in ["a", "b", "c", "d"] {
        let source = root.path().join(format!("{name}.bin"));
        fs::write(&source, vec![name.as_bytes()[0]; 2 << 20]).unwrap();
        let id = model_id(name);
        let mut request = ImportRequest::new(&id, &source);
        request.how = Import::HardLink;
        catalog.import(&request, &mut |_| Ok(())).unwrap();
    }
    let policy = CollectionPolicy::default()
        .budget(5 << 20)
        .evict(Evict::Any);
    let plan = catalog.plan_collection(&policy).unwrap();
    assert_eq!(plan.removals.len(), 2, "{plan:?}");
    assert_eq!((plan.reclaimable_bytes(), plan.space()), (0, 4 << 20));
}

/// CAT-830
#[test]
fn what_is_published_already_is_reserved_no_more() {
    let (root, catalog) = with_budget(10 << 20);
    let first = catalog.artifacts().stage(&model_id("first"), 6 << 20);
    let first = first.unwrap();
    // As a publication does that has not ended yet.
    let artifact = first.folder().parent().unwrap().to_path_buf();
    fs::rename(artifact, root.path().join("elsewhere")).unwrap();
    let second = catalog.artifacts().stage(&model_id("second"), 6 << 20);
    drop(second.unwrap());
}
