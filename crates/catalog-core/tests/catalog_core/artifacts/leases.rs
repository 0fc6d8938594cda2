use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use catalog_core::{CatalogStore, FsCatalog, ImportRequest};

use crate::util::{entry, model_id};

/// A catalog with a managed model `m`, and its manifest.
fn managed(folder: &Path) -> (FsCatalog, PathBuf) {
    let catalog = FsCatalog::new(folder.join("root")).unwrap();
    let source = folder.join("m.bin");
    fs::write(&source, "weights").unwrap();
    let entry = catalog
        .import(
            &ImportRequest::new(&model_id("m"), &source),
            &mut |_| Ok(()),
        )
        .unwrap();
    let manifest = entry
        .local_path
        .parent()
        .unwrap()
        .with_file_name("manifest.json");
    (catalog, manifest)
}

/// CAT-896
#[test]
fn a_use_is_noted_once_an_hour_as_the_time_of_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, manifest) = managed(folder.path());
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let make_old = || {
        let file = fs::File::open(&manifest).unwrap();
        file.set_modified(long_ago).unwrap();
    };
    let noted = || fs::metadata(&manifest).unwrap().modified().unwrap();
    let bytes = fs::read(&manifest).unwrap();
    make_old();
    let day = Duration::from_secs(86_400);
    let before = SystemTime::now() - day;
    drop(catalog.lease("m").unwrap());
    assert!(noted() > before && noted() < SystemTime::now() + day);
    make_old();
    drop(catalog.lease("m").unwrap());
    assert_eq!(noted(), long_ago, "it was noted within the hour");
    assert_eq!(fs::read(&manifest).unwrap(), bytes, "only its time changes");
}

/// CAT-897
#[test]
fn a_pipe_or_link_in_the_place_of_a_manifest_is_an_error_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, manifest) = managed(folder.path());
    let victim = folder.path().join("victim");
    fs::rename(&manifest, &victim).unwrap();
    let before = crate::util::identity(&victim);
    let lease = || catalog.lease("m").unwrap_err();
    assert_eq!(lease().code(), "artifact_missing");

    symlink(&victim, &manifest).unwrap();
    let error = lease();
    assert_eq!(error.code(), "io", "{error}");
    assert!(error.to_string().contains("manifest.json"), "{error}");
    assert_eq!(crate::util::identity(&victim), before, "it is not touched");

    fs::remove_file(&manifest).unwrap();
    let made = Command::new("mkfifo").arg(&manifest).status().unwrap();
    assert!(made.success());
    let error = lease();
    assert_eq!(error.code(), "io", "{error}");

    fs::remove_file(&manifest).unwrap();
    fs::rename(&victim, &manifest).unwrap();
    drop(catalog.lease("m").unwrap());
}

/// CAT-898
#[test]
fn a_lease_of_a_file_or_folder_that_the_store_did_not_make_blocks_its_deletion() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    fs::create_dir(catalog.root().join("folder")).unwrap();
    for file in ["folder/m", "file"] {
        fs::write(catalog.root().join(file), "x").unwrap();
    }
    for id in ["folder", "file"] {
        catalog.put(&entry(id, id)).unwrap();
        let other = FsCatalog::new(catalog.root()).unwrap();
        let leases = [catalog.lease(id).unwrap(), other.lease(id).unwrap()];
        for lease in leases {
            if catalog.get(id).unwrap().is_some() {
                let error = other.delete(id).unwrap_err();
                assert_eq!(error.code(), "artifact_kept", "{id}: {error}");
            }
            let plan = other.plan_collection(&Default::default()).unwrap();
            assert_eq!(other.collect(&plan).unwrap().removed, [], "{id}");
            assert!(catalog.root().join(id).exists(), "{id}");
            drop(lease);
        }
        let plan = other.plan_collection(&Default::default()).unwrap();
        assert_eq!(other.collect(&plan).unwrap().removed.len(), 1, "{id}");
        assert!(!catalog.root().join(id).exists(), "{id}");
    }
}
