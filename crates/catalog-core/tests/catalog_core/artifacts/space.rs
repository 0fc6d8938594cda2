use std::fs;
use std::io::Write;

use catalog_core::{Expectation, FsCatalog, ImportRequest, StoreOptions};

use crate::util::model_id;

fn with_budget(budget: u64) -> (tempfile::TempDir, FsCatalog) {
    let root = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        budget: Some(budget),
        ..StoreOptions::default()
    };
    let catalog = FsCatalog::open(root.path(), options).unwrap();
    (root, catalog)
}

/// CAT-830
#[test]
fn of_two_that_fit_only_alone_one_is_admitted_and_the_other_is_told_who_has_the_space() {
    let (root, catalog) = with_budget(10 << 20);
    let other = FsCatalog::open(
        root.path(),
        StoreOptions {
            budget: Some(10 << 20),
            ..StoreOptions::default()
        },
    )
    .unwrap();
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
