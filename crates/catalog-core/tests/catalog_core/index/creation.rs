//! The index files come before everything else; from then on a missing one is damage.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use catalog_core::{
    Artifact, CatalogError, CatalogStore, CollectionPolicy, EngineEntry, EngineFilter, EngineStore,
    Expectation, Expected, FsCatalog, FsEngineStore, ImportRequest, LifecycleState, ScrubBudget,
    Verify, recover,
};

use crate::util::{
    STORE_FILES, as_unprivileged, empty_index, entry, fixture, model_id, names_in, root_with,
};

/// Each index with the version that this release writes.
const INDEXES: [(&str, u64); 3] = [("index.json", 2), ("engines.json", 2), ("pins.json", 1)];

fn engine(id: &str) -> EngineEntry {
    EngineEntry {
        id: id.to_owned(),
        engine: "e".to_owned(),
        version: "1".to_owned(),
        build_ref: None,
        digest: None,
        build_flags: None,
        artifacts: vec!["engines/e".into()],
        created_ms: 0,
    }
}

/// Asserts that an index and its previous generation hold no entries.
#[track_caller]
fn is_empty_with_previous(root: &Path, name: &str, version: u64) {
    for name in [name.to_owned(), format!("{name}.previous")] {
        assert_eq!(
            fs::read(root.join(&name)).unwrap(),
            empty_index(version),
            "{name}"
        );
    }
}

fn publish(catalog: &FsCatalog, id: &str) -> Artifact {
    let mut staging = catalog.artifacts().stage(&model_id(id), 0).unwrap();
    let mut file = staging.create("m.bin").unwrap();
    file.write_all(id.as_bytes()).unwrap();
    file.finish().unwrap();
    let verified = staging.verify(&Expectation::default(), &mut |_| Ok(()));
    verified.unwrap().publish().unwrap()
}

/// CAT-470
#[test]
fn the_first_change_finds_every_index_with_a_generation_before_it() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    catalog
        .update(|edit| {
            assert_eq!(names_in(root.path()), ["locks"], "nothing changed so far");
            edit.put(&entry("m", "m"))
        })
        .unwrap();
    assert_eq!(names_in(root.path()), STORE_FILES);
    is_empty_with_previous(root.path(), "engines.json", 2);
    is_empty_with_previous(root.path(), "pins.json", 1);
    let previous = fs::read(root.path().join("index.json.previous")).unwrap();
    assert_eq!(previous, empty_index(2));
    let spare = fs::metadata(root.path().join(".index.json.spare")).unwrap();
    let index = fs::metadata(root.path().join("index.json")).unwrap();
    assert!(spare.len() >= index.len() + (64 << 10), "{}", spare.len());

    // Whichever index is changed first.
    let root = tempfile::tempdir().unwrap();
    let engines = FsEngineStore::new(root.path()).unwrap();
    engines.put(&engine("e")).unwrap();
    assert_eq!(names_in(root.path()), STORE_FILES);
    is_empty_with_previous(root.path(), "index.json", 2);
    is_empty_with_previous(root.path(), "pins.json", 1);
    assert_eq!(FsCatalog::new(root.path()).unwrap().list().unwrap(), []);
}

/// CAT-470
#[test]
fn the_first_staged_byte_finds_every_index_with_a_generation_before_it() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let staging = catalog.artifacts().stage(&model_id("id"), 0).unwrap();
    assert_eq!(names_in(&staging.folder()), [""; 0], "no byte is staged");
    for (name, version) in INDEXES {
        is_empty_with_previous(root.path(), name, version);
    }
    drop(staging);
    assert_eq!(catalog.list().unwrap(), []);
}

/// CAT-475
#[test]
fn a_root_whose_writer_died_before_the_first_put_opens() {
    let root = tempfile::tempdir().unwrap();
    let writer = FsCatalog::new(root.path()).unwrap();
    let artifact = publish(&writer, "published");
    drop(writer);
    let catalog = FsCatalog::new(root.path()).unwrap();
    assert_eq!(catalog.list().unwrap(), []);
    let entry = catalog.register(&artifact, Expected::Absent).unwrap();
    assert_eq!(catalog.list().unwrap(), [entry]);

    // Whichever files a writer had created when it died.
    let empty: Vec<(String, Vec<u8>)> = [("engines.json", 2), ("pins.json", 1), ("index.json", 2)]
        .iter()
        .map(|(name, version)| ((*name).to_owned(), empty_index(*version)))
        .collect();
    let previous = empty
        .iter()
        .map(|(name, bytes)| (format!("{name}.previous"), bytes.clone()));
    let all: Vec<(String, Vec<u8>)> = empty.iter().cloned().chain(previous).collect();
    for created in 0..=all.len() {
        for half in [None, all.get(created)] {
            let root = tempfile::tempdir().unwrap();
            for (name, bytes) in &all[..created] {
                fs::write(root.path().join(name), bytes).unwrap();
            }
            if let Some((name, bytes)) = half {
                let temporary = root.path().join(format!(".{name}.new"));
                fs::write(temporary, &bytes[..bytes.len() / 2]).unwrap();
            }
            let catalog = FsCatalog::new(root.path()).unwrap();
            assert_eq!(catalog.list().unwrap(), [], "{created} files");
            assert_eq!(catalog.pins().unwrap(), []);
            let engines = FsEngineStore::new(root.path()).unwrap();
            assert_eq!(engines.list().unwrap(), []);
            engines.put(&engine("e")).unwrap();
            catalog.put(&crate::util::entry("m", "m")).unwrap();
            assert_eq!(names_in(root.path()), STORE_FILES, "{created} files");
        }
    }
}

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
    engines.put(&engine("e")).unwrap();
    (catalog, engines)
}

type Calls<'c> = Vec<(&'static str, catalog_core::Result<()>)>;

/// Every call that reads the index of models, on an open handle.
fn calls_of_models<'c>(catalog: &FsCatalog) -> Calls<'c> {
    let policy = CollectionPolicy::default();
    let budget = ScrubBudget {
        bytes: 1 << 20,
        time: Duration::from_secs(9),
    };
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
fn a_root_of_the_first_edition_opens_and_gets_the_other_indexes_with_the_next_change() {
    for has_previous in [false, true] {
        let root = root_with("index.json", &fixture("index-v1.json"));
        if has_previous {
            fs::write(
                root.path().join("index.json.previous"),
                fixture("index-v1-empty.json"),
            )
            .unwrap();
        }
        let catalog = FsCatalog::new(root.path()).unwrap();
        assert_eq!(catalog.list().unwrap().len(), 2);
        assert_eq!(catalog.pins().unwrap(), []);
        let engines = FsEngineStore::new(root.path()).unwrap();
        assert_eq!(engines.list().unwrap(), []);
        assert!(!root.path().join("engines.json").exists(), "only read");
        catalog.put(&entry("new", "m")).unwrap();
        assert_eq!(names_in(root.path()), STORE_FILES);
        assert_eq!(
            fs::read(root.path().join("index.json.previous")).unwrap(),
            fixture("index-v1.json")
        );
        is_empty_with_previous(root.path(), "engines.json", 2);
        is_empty_with_previous(root.path(), "pins.json", 1);
        assert_eq!(catalog.list().unwrap().len(), 3);
        assert_eq!(engines.list().unwrap(), []);

        let root = root_with("engines.json", &fixture("engines-v1.json"));
        if has_previous {
            fs::write(
                root.path().join("engines.json.previous"),
                fixture("engines-v1.json"),
            )
            .unwrap();
        }
        let catalog = FsCatalog::new(root.path()).unwrap();
        assert_eq!(catalog.list().unwrap(), []);
        let engines = FsEngineStore::new(root.path()).unwrap();
        assert_eq!(engines.list().unwrap().len(), 2);
        catalog.put(&entry("new", "m")).unwrap();
        assert_eq!(names_in(root.path()), STORE_FILES);
        assert_eq!(engines.list().unwrap().len(), 2);
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

/// CAT-474
#[test]
fn an_empty_root_that_may_only_be_read_is_read_as_empty_and_nothing_is_created() {
    as_unprivileged(
        "index::creation::an_empty_root_that_may_only_be_read_is_read_as_empty_and_nothing_is_created",
        || {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("root");
            fs::create_dir(&root).unwrap();
            fs::set_permissions(&root, fs::Permissions::from_mode(0o555)).unwrap();
            let catalog = FsCatalog::new(&root).unwrap();
            let engines = FsEngineStore::new(&root).unwrap();
            assert_eq!(catalog.list().unwrap(), []);
            assert_eq!(catalog.pins().unwrap(), []);
            assert_eq!(engines.list().unwrap(), []);
            let plan = catalog.plan_collection(&CollectionPolicy::default());
            assert_eq!(plan.unwrap().removals, []);
            let codes = [
                catalog.put(&entry("m", "m")).unwrap_err().code(),
                engines.put(&engine("e")).unwrap_err().code(),
                catalog
                    .artifacts()
                    .stage(&model_id("m"), 0)
                    .unwrap_err()
                    .code(),
            ];
            assert_eq!(codes, ["not_writable"; 3]);
            assert_eq!(names_in(&root), [""; 0]);
            fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
        },
    );
}
