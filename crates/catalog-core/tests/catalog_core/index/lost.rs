//! An index that is missing, though the root had one, is damage and never an empty catalog.

use std::fs;
use std::path::Path;
use std::time::Duration;

use catalog_core::maintenance::{CollectionPolicy, ScrubBudget, Verify};
use catalog_core::{
    CatalogError, CatalogStore, EngineEntry, EngineFilter, EngineStore, Expected, FsCatalog,
    FsEngineStore, ImportRequest, LifecycleState, recover,
};

use super::creation::INDEXES;
use crate::util::{engine, entry, fixture, model_id, root_with};

/// Where the models of a root lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Models {
    Managed,
    InPlace,
}

/// Handles on a root with a model `m`, a model and an engine with files in place, and a pin.
fn opened(folder: &Path, models: Models) -> (FsCatalog, FsEngineStore) {
    let catalog = FsCatalog::new(folder.join("root")).unwrap();
    let source = folder.join("source.bin");
    fs::write(&source, "weights").unwrap();
    match models {
        Models::Managed => {
            let wanted = model_id("m");
            let request = ImportRequest::new(&wanted, &source);
            drop(catalog.import(&request, &mut |_| Ok(())).unwrap());
        }
        Models::InPlace => catalog.put(&entry("m", &source)).unwrap(),
    }
    fs::write(catalog.root().join("in-place"), "x").unwrap();
    fs::create_dir(catalog.root().join("engines")).unwrap();
    fs::write(catalog.root().join("engines/e"), "x").unwrap();
    catalog.put(&entry("in-place", "in-place")).unwrap();
    catalog.pin(&model_id("m"), "me", "needed").unwrap();
    let engines = FsEngineStore::new(catalog.root()).unwrap();
    let with_file = EngineEntry {
        artifacts: vec!["engines/e".into()],
        ..engine("e")
    };
    engines.put(&with_file).unwrap();
    (catalog, engines)
}

type Calls<'c> = Vec<(&'static str, catalog_core::Result<()>)>;

/// Every call that reads the index of models, on an open handle.
fn calls_of_models<'c>(catalog: &FsCatalog) -> Calls<'c> {
    let policy = CollectionPolicy::default();
    let budget = ScrubBudget::new(1 << 20, Duration::from_secs(9));
    let known = entry("m", "m");
    vec![
        ("new", FsCatalog::new(catalog.root()).map(drop)),
        ("get", catalog.get("m").map(drop)),
        ("exists", catalog.exists("m").map(drop)),
        ("list", catalog.list().map(drop)),
        ("snapshot", catalog.snapshot().map(drop)),
        ("put", catalog.put(&known)),
        ("put_if", catalog.put_if(&known, Expected::Absent)),
        ("set_state", catalog.set_state("m", LifecycleState::Retired)),
        ("delete", catalog.delete("in-place").map(drop)),
        ("update", catalog.update(|_| Ok(()))),
        ("lease", catalog.lease("m").map(drop)),
        ("pin", catalog.pin(&model_id("m"), "other", "")),
        (
            "verify",
            catalog.verify("m", Verify::Full, &mut |_| Ok(())).map(drop),
        ),
        ("scrub", catalog.scrub(budget, &mut |_, _| Ok(())).map(drop)),
        (
            "repair",
            catalog
                .repair("m", &mut |_, _| Ok(()), &mut |_| Ok(()))
                .map(drop),
        ),
        ("plan", catalog.plan_collection(&policy).map(drop)),
        ("collect", catalog.collect(&Default::default()).map(drop)),
    ]
}

fn calls_of_engines<'c>(catalog: &FsCatalog, engines: &FsEngineStore) -> Calls<'c> {
    let policy = CollectionPolicy::default();
    vec![
        ("new", FsEngineStore::new(engines.root()).map(drop)),
        ("get", engines.get("e").map(drop)),
        ("list", engines.list().map(drop)),
        ("find", engines.find(&EngineFilter::default()).map(drop)),
        ("snapshot", engines.snapshot().map(drop)),
        ("put", engines.put(&engine("f"))),
        ("delete", engines.delete("e").map(drop)),
        ("update", engines.update(|_| Ok(()))),
        ("plan", catalog.plan_collection(&policy).map(drop)),
    ]
}

fn calls_of_pins<'c>(catalog: &FsCatalog) -> Calls<'c> {
    let policy = CollectionPolicy::default();
    vec![
        ("pins", catalog.pins().map(drop)),
        ("pin", catalog.pin(&model_id("m"), "other", "")),
        ("unpin", catalog.unpin(&model_id("m"), "me").map(drop)),
        ("delete", catalog.delete("in-place").map(drop)),
        ("plan", catalog.plan_collection(&policy).map(drop)),
    ]
}

/// CAT-472
#[test]
fn an_index_that_is_missing_is_damage_for_every_call_and_never_an_empty_catalog() {
    for models in [Models::Managed, Models::InPlace] {
        for (name, _) in INDEXES {
            for is_previous_lost in [false, true] {
                let folder = tempfile::tempdir().unwrap();
                let (catalog, engines) = opened(folder.path(), models);
                fs::remove_file(catalog.root().join(name)).unwrap();
                if is_previous_lost {
                    let previous = catalog.root().join(format!("{name}.previous"));
                    fs::remove_file(previous).unwrap();
                }
                let what = format!("{name}, {models:?}, previous lost: {is_previous_lost}");
                let new = FsCatalog::new(catalog.root());
                for catalog in [Some(catalog.clone()), new.ok()].into_iter().flatten() {
                    let calls = match name {
                        "index.json" => calls_of_models(&catalog),
                        "engines.json" => calls_of_engines(&catalog, &engines),
                        _ => calls_of_pins(&catalog),
                    };
                    for (call, outcome) in calls {
                        let error = outcome.expect_err(&format!("{call}: {what}"));
                        assert_eq!(error.code(), "index_damaged", "{call}: {what}: {error}");
                        assert!(error.to_string().contains(name), "{error}");
                    }
                }
                assert!(!catalog.root().join(name).exists(), "{what}: not made anew");
                assert!(catalog.root().join("in-place").exists(), "{what}");
                assert!(catalog.root().join("engines/e").exists(), "{what}");

                // A file of the other index is kept, too.
                let kept = match name {
                    "index.json" => engines.delete("e").unwrap_err(),
                    "engines.json" => catalog.delete("in-place").unwrap_err(),
                    _ => continue,
                };
                let CatalogError::ArtifactKept { source, .. } = &kept else {
                    panic!("{what}: {kept}")
                };
                assert_eq!(source.code(), "index_damaged", "{what}");
                assert!(catalog.root().join("in-place").exists(), "{what}");
                assert!(catalog.root().join("engines/e").exists(), "{what}");

                recover(catalog.root()).unwrap();
                FsCatalog::new(catalog.root()).unwrap().list().unwrap();
                engines.list().unwrap();
            }
        }
    }
}

/// CAT-473
#[test]
fn an_index_of_the_first_edition_that_is_missing_beside_its_previous_one_is_damage() {
    for (name, version_1) in [
        ("index.json", "index-v1.json"),
        ("engines.json", "engines-v1.json"),
    ] {
        let root = root_with(&format!("{name}.previous"), &fixture(version_1));
        let error = match name {
            "index.json" => FsCatalog::new(root.path()).map(drop),
            _ => FsEngineStore::new(root.path()).map(drop),
        };
        assert_eq!(error.unwrap_err().code(), "index_damaged", "{name}");
    }
    // Artifacts are content, too.
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("artifacts").join("ab".repeat(32))).unwrap();
    let error = FsCatalog::new(root.path()).unwrap_err();
    assert_eq!(error.code(), "index_damaged", "{error}");
}
