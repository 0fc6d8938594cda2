//! The files of the stores of this crate are no artifacts.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use catalog_core::{
    CatalogStore, EngineEntry, EngineStore, FsCatalog, FsEngineStore, MemoryCatalog,
    MemoryEngineStore,
};

use crate::util::entry;

/// Calls a check with a root, a folder beside it, and each catalog over the root.
fn with_each_catalog(check: impl Fn(&Path, &Path, &dyn CatalogStore)) {
    for is_on_disk in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let (root, outside) = (base.join("root"), base.join("outside"));
        std::fs::create_dir(&outside).unwrap();
        let catalog: Box<dyn CatalogStore> = match is_on_disk {
            true => Box::new(FsCatalog::new(&root).unwrap()),
            false => Box::new(MemoryCatalog::new(&root).unwrap()),
        };
        check(&root, &outside, &*catalog);
    }
}

/// CAT-322
#[test]
fn the_stores_files_are_no_artifacts() {
    with_each_catalog(|root, outside, catalog| {
        symlink(root, outside.join("to root")).unwrap();
        symlink(root.join("index.json"), outside.join("to index")).unwrap();
        for path in [
            outside.join("to root/index.json"),
            outside.join("to index"),
            "index.json".into(),
            "./index.json".into(),
            "INDEX.json".into(),
            "index.json.previous".into(),
            ".index.json.new".into(),
            "engines.json".into(),
            "blobs/sha256/ab/cd".into(),
            "locks".into(),
            "locks/index.lock".into(),
            "staging/x".into(),
            "quarantine/x".into(),
            "artifacts".into(),
        ] {
            let error = catalog.put(&entry("id", &path)).expect_err("a store file");
            assert_eq!(error.code(), "path_refused", "{path:?}: {error}");
        }
        assert_eq!(catalog.list().unwrap(), []);
        for name in ["locks.gguf", "staging.bin", "artifacts/key/files/m.gguf"] {
            catalog.put(&entry(name, name)).unwrap();
        }
    });
}

/// CAT-322
#[test]
fn the_stores_files_are_no_artifacts_of_engines() {
    let folder = tempfile::tempdir().unwrap();
    let on_disk = FsEngineStore::new(folder.path().join("a")).unwrap();
    let in_memory = MemoryEngineStore::new(folder.path().join("b")).unwrap();
    for store in [&on_disk as &dyn EngineStore, &in_memory] {
        let engine = EngineEntry {
            id: "id".to_owned(),
            engine: "llama.cpp".to_owned(),
            version: "b4000".to_owned(),
            build_ref: None,
            digest: None,
            build_flags: None,
            artifacts: vec![PathBuf::from("good"), "engines.json".into()],
            created_ms: 0,
        };
        let error = store.put(&engine).expect_err("a store file");
        assert_eq!(error.code(), "path_refused", "{error}");
    }
}

/// CAT-331
#[test]
fn another_store_in_the_root_is_left_alone() {
    with_each_catalog(|root, _, catalog| {
        catalog.put(&entry("before", "team")).unwrap();
        let other = FsCatalog::new(root.join("team/cache")).unwrap();
        other.put(&entry("id", "m")).unwrap();
        for path in [
            "team",
            "team/cache",
            "team/cache/index.json",
            "team/cache/models/m",
        ] {
            let error = catalog.put(&entry("id", path)).expect_err("another store");
            assert_eq!(error.code(), "path_refused", "{path:?}: {error}");
        }
        catalog.put(&entry("beside", "team/m")).unwrap();
        let error = catalog
            .delete("before")
            .expect_err("it holds another store");
        assert_eq!(error.code(), "artifact_kept", "{error}");
        assert!(other.get("id").unwrap().is_some());
    });
}
