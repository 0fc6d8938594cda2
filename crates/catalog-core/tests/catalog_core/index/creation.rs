//! The index files come before everything else.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use catalog_core::maintenance::CollectionPolicy;
use catalog_core::{
    Artifact, CatalogStore, EngineStore, Expectation, Expected, FsCatalog, FsEngineStore,
};

use crate::util::{
    STORE_FILES, as_unprivileged, empty_index, engine, entry, fixture, model_id, names_in,
    root_with,
};

/// Each index with the version that this release writes.
pub(super) const INDEXES: [(&str, u64); 3] =
    [("index.json", 2), ("engines.json", 2), ("pins.json", 1)];

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

/// CAT-470
#[test]
fn a_root_that_was_made_again_gets_its_indexes_though_an_old_handle_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let old = FsCatalog::new(&root).unwrap();
    old.put(&entry("id", "m")).unwrap();
    // Some file systems give the new folder the inode of the old one.
    for _ in 0..8 {
        fs::remove_dir_all(&root).unwrap();
        let new = FsCatalog::new(&root).unwrap();
        drop(new.artifacts().stage(&model_id("m"), 0).unwrap());
        for (name, version) in INDEXES {
            is_empty_with_previous(&root, name, version);
        }
    }
}
