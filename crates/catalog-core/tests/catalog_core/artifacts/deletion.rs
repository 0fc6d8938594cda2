use std::fs;
use std::path::Path;

use catalog_core::{CatalogEntry, CatalogStore, FsCatalog, ImportRequest};

use crate::util::{entry, model_id, replacing};

fn managed(folder: &Path) -> (FsCatalog, CatalogEntry) {
    let catalog = FsCatalog::new(folder.join("root")).unwrap();
    let source = folder.join("notes.bin");
    fs::write(&source, "weights").unwrap();
    let entry = catalog
        .import(&ImportRequest::new(&model_id("id"), &source), &mut |_| {
            Ok(())
        })
        .unwrap();
    (catalog, entry)
}

/// CAT-840
#[test]
fn a_leased_artifact_outlives_its_entry_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, managed) = managed(folder.path());
    let unmanaged = catalog.root().join("own.bin");
    fs::write(&unmanaged, "own").unwrap();
    catalog.put(&entry("own", "own.bin")).unwrap();
    for (id, path) in [("id", &managed.local_path), ("own", &unmanaged)] {
        let leases = [catalog.lease(id).unwrap(), catalog.lease(id).unwrap()];
        let error = catalog.delete(id).unwrap_err();
        assert_eq!(error.code(), "artifact_kept", "{error}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("lease"), "{cause}");
        assert!(path.exists());
        assert_eq!(catalog.get(id).unwrap(), None);
        drop(leases);
    }
    let plan = catalog.plan_collection(&Default::default()).unwrap();
    catalog.collect(&plan).unwrap();
    assert!(!managed.local_path.exists(), "collected once it is free");
    assert_eq!(catalog.lease("id").unwrap_err().code(), "not_found");
}

/// CAT-840
#[test]
fn a_lease_of_a_model_outside_needs_nothing_and_of_a_missing_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let outside = folder.path().join("outside.bin");
    fs::write(&outside, "x").unwrap();
    catalog.put(&entry("outside", &outside)).unwrap();
    catalog.put(&entry("missing", "nothing.bin")).unwrap();
    let lease = catalog.lease("outside").unwrap();
    assert_eq!(lease.path(), outside.canonicalize().unwrap());
    assert!(catalog.delete("outside").unwrap() && outside.exists());
    let error = catalog.lease("missing").unwrap_err();
    assert_eq!(error.code(), "artifact_missing");
}

/// CAT-840
#[test]
fn a_pipe_is_no_model_that_can_be_leased() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let pipe = catalog.root().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    catalog.put(&entry("pipe", "pipe")).unwrap();
    assert_eq!(
        catalog.lease("pipe").unwrap_err().code(),
        "artifact_missing"
    );
    assert!(catalog.delete("pipe").unwrap());
}

/// CAT-841
#[test]
fn a_pinned_model_is_not_deleted_until_its_owner_unpins_it() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, managed) = managed(folder.path());
    catalog
        .pin(&model_id("id"), "pool-7", "serves the chat")
        .unwrap();
    catalog.pin(&model_id("id"), "pool-8", "stand-by").unwrap();
    let other = FsCatalog::new(catalog.root()).unwrap();
    let error = other.delete("id").unwrap_err();
    assert_eq!(error.code(), "pinned");
    assert!(
        error.to_string().contains("pool-7 (serves the chat)"),
        "{error}"
    );
    assert!(other.get("id").unwrap().is_some() && managed.local_path.exists());
    let owners: Vec<String> = other
        .pins()
        .unwrap()
        .into_iter()
        .map(|pin| pin.owner)
        .collect();
    assert_eq!(owners, ["pool-7", "pool-8"]);

    assert!(other.unpin(&model_id("id"), "pool-7").unwrap());
    assert!(!other.unpin(&model_id("id"), "pool-7").unwrap());
    assert_eq!(catalog.delete("id").unwrap_err().code(), "pinned");
    assert!(catalog.unpin(&model_id("id"), "pool-8").unwrap());
    assert!(catalog.delete("id").unwrap());

    assert_eq!(
        catalog.pin(&model_id("id"), "x", "").unwrap_err().code(),
        "not_found"
    );
    for owner in ["", "a b", "a\nb"] {
        let error = catalog.pin(&model_id("id"), owner, "").unwrap_err();
        assert_eq!(error.code(), "invalid_entry", "{owner:?}");
    }
}

/// CAT-842
#[test]
fn an_artifact_that_another_entry_uses_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, managed) = managed(folder.path());
    let alias = CatalogEntry {
        id: "alias".to_owned(),
        ..managed.clone()
    };
    catalog.put(&alias).unwrap();
    assert!(catalog.delete("id").unwrap());
    assert!(managed.local_path.exists());
    assert!(catalog.delete("alias").unwrap());
    assert!(!managed.local_path.exists());
}

/// CAT-842
#[test]
fn a_new_content_of_an_id_leaves_the_old_one_to_collection() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, old) = managed(folder.path());
    let lease = catalog.lease("id").unwrap();
    let source = folder.path().join("notes.bin");
    fs::write(&source, "better weights").unwrap();
    let id = model_id("id");
    let new = catalog
        .import(&replacing(&catalog, &id, &source), &mut |_| Ok(()))
        .unwrap();
    assert_eq!(catalog.get("id").unwrap(), Some(new.clone()));
    let collect = || {
        let plan = catalog.plan_collection(&Default::default()).unwrap();
        catalog.collect(&plan).unwrap()
    };
    collect();
    assert_eq!(fs::read(&old.local_path).unwrap(), b"weights", "in use");
    drop(lease);
    collect();
    assert!(!old.local_path.exists());
    assert_eq!(fs::read(&new.local_path).unwrap(), b"better weights");
}
