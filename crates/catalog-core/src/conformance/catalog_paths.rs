//! What every [`CatalogStore`] does with paths, and what it deletes. Each case takes a function that
//! opens the store under test on an empty root.

use std::fs;
use std::path::{Path, PathBuf};

use super::model_calls::{entry, get, put, refuses};
use super::sandbox::{Sandbox, link, write};
use crate::catalog::CatalogStore;
use crate::error::CatalogError;

/// Makes a `#[test]` of each case; [`catalog_store_conformance`](crate::catalog_store_conformance)
/// has them too.
#[doc(hidden)]
#[macro_export]
macro_rules! catalog_paths_conformance {
    ($make:expr) => {
        $crate::conformance_tests!(
            catalog_paths,
            $make,
            [
                a_relative_path_means_below_the_root,
                a_path_that_leaves_the_root_is_refused,
                the_root_and_the_stores_files_are_no_artifacts,
                deleting_removes_the_artifact_below_the_root,
                deleting_never_touches_what_lies_outside,
                deleting_spares_what_another_entry_uses,
                deleting_spares_what_another_entry_reaches_by_links,
                another_store_in_the_root_is_left_alone,
                deleting_what_leads_out_by_now_says_so,
            ]
        );
    };
}

/// CAT-320
pub fn a_relative_path_means_below_the_root<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    for (given, meant) in [
        ("models/a.gguf", "models/a.gguf"),
        ("./models//b.gguf", "models/b.gguf"),
        ("models/x/../c.gguf", "models/c.gguf"),
        ("artifacts/key/files/d.gguf", "artifacts/key/files/d.gguf"),
        ("two words/ünïcode\n.gguf", "two words/ünïcode\n.gguf"),
    ] {
        put(&store, &entry(given, given));
        let found = get(&store, given).expect("it was put").local_path;
        assert_eq!(found, sandbox.inside(meant), "{given:?}");
    }
    let absolute = sandbox.inside("models/e.gguf");
    put(&store, &entry("absolute", &absolute));
    let found = get(&store, "absolute").expect("it was put").local_path;
    assert_eq!(found, absolute);
}

/// CAT-321
pub fn a_path_that_leaves_the_root_is_refused<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let victim = write(&sandbox.outside("victim"));
    link(&sandbox.inside("folder"), &sandbox.outside(""));
    link(&sandbox.inside("file"), &victim);
    link(&sandbox.inside("dangling"), &sandbox.outside("nothing"));
    for path in [
        PathBuf::from(""),
        "nul\0".into(),
        "../outside/victim".into(),
        "models/../../outside/victim".into(),
        sandbox.inside("../outside/victim"),
        "folder/victim".into(),
        sandbox.inside("folder/victim"),
        sandbox.inside("folder/not there"),
        "file".into(),
        "dangling".into(),
        sandbox.inside("folder/../outside/victim"),
    ] {
        refuses(&store, &entry("id", path), "path_refused");
    }
    assert!(victim.exists());
}

/// CAT-322
pub fn the_root_and_the_stores_files_are_no_artifacts<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    link(&sandbox.outside("to root"), &sandbox.root());
    link(&sandbox.outside("to index"), &sandbox.inside("index.json"));
    for path in [
        PathBuf::from("."),
        "./".into(),
        "models/..".into(),
        sandbox.root(),
        "/".into(),
        sandbox.outside(".."),
        sandbox.outside("to root"),
        sandbox.outside("to root/index.json"),
        sandbox.outside("to index"),
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
        refuses(&store, &entry("id", path), "path_refused");
    }
}

/// CAT-323
pub fn deleting_removes_the_artifact_below_the_root<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let file = write(&sandbox.inside("models/a.gguf"));
    let folder = sandbox.inside("models/b");
    write(&folder.join("weights/1.safetensors"));
    let kept = write(&sandbox.outside("kept"));
    link(&folder.join("link"), &kept);
    put(&store, &entry("file", &file));
    put(&store, &entry("folder", &folder));
    put(&store, &entry("gone", "models/never there"));
    for id in ["file", "folder", "gone"] {
        assert!(store.delete(id).expect("it can be deleted"), "{id}");
        assert_eq!(get(&store, id), None);
        assert!(!store.delete(id).expect("it is gone"), "{id}");
    }
    assert!(!file.exists() && !folder.exists());
    assert!(
        kept.exists(),
        "a link in a folder is removed, not what it points to"
    );
}

/// CAT-324
pub fn deleting_never_touches_what_lies_outside<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let file = write(&sandbox.outside("model.gguf"));
    put(&store, &entry("outside", &file));
    assert!(store.delete("outside").expect("it can be deleted"));
    assert!(file.exists());
}

/// CAT-325
pub fn deleting_spares_what_another_entry_uses<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let file = write(&sandbox.inside("set/a.gguf"));
    let other = write(&sandbox.inside("other/b.gguf"));
    link(&sandbox.inside("link.gguf"), &other);
    for (id, path) in [
        ("file", &file),
        ("same file", &file),
        ("folder around it", &sandbox.inside("set")),
        ("target", &other),
        ("link to it", &sandbox.inside("link.gguf")),
    ] {
        put(&store, &entry(id, path));
    }
    for id in ["file", "folder around it", "target"] {
        assert!(store.delete(id).expect("it can be deleted"));
    }
    assert!(file.exists(), "`same file` uses it");
    assert!(other.exists(), "a link uses it");
    assert!(store.delete("same file").expect("it can be deleted"));
    assert!(!file.exists(), "nobody uses it any more");
}

/// CAT-325
pub fn deleting_spares_what_another_entry_reaches_by_links<S: CatalogStore>(
    open: impl Fn(&Path) -> S,
) {
    // The folder of an entry becomes a link to where another entry lies.
    for first in ["a", "b"] {
        let sandbox = Sandbox::new();
        let store = open(&sandbox.root());
        let file = write(&sandbox.inside("v2/m.gguf"));
        put(&store, &entry("a", "current/m.gguf"));
        link(&sandbox.inside("current"), Path::new("v2"));
        put(&store, &entry("b", &file));
        assert!(store.delete(first).expect("it can be deleted"));
        assert!(file.exists(), "the other one uses it");
    }
    // A chain of links.
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    write(&sandbox.inside("real.gguf"));
    link(&sandbox.inside("v1.gguf"), Path::new("real.gguf"));
    link(&sandbox.inside("latest.gguf"), Path::new("v1.gguf"));
    put(&store, &entry("v1", "v1.gguf"));
    put(&store, &entry("latest", "latest.gguf"));
    assert!(store.delete("v1").expect("it can be deleted"));
    assert!(sandbox.inside("latest.gguf").exists(), "it goes through v1");
    // A link in a folder.
    let file = write(&sandbox.inside("files/w"));
    fs::create_dir_all(sandbox.inside("snapshot/sub")).expect("folders can be made");
    link(&sandbox.inside("snapshot/sub/w"), &file);
    put(&store, &entry("file", &file));
    put(&store, &entry("snapshot", "snapshot"));
    assert!(store.delete("file").expect("it can be deleted"));
    assert!(file.exists(), "the folder holds a link to it");
}

/// CAT-331
pub fn another_store_in_the_root_is_left_alone<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    put(&store, &entry("before", "team"));
    let inner = sandbox.inside("team/cache");
    let other = crate::catalog::FsCatalog::new(&inner).expect("a store can be opened in it");
    put(&other, &entry("id", "m"));
    for path in [
        "team",
        "team/cache",
        "team/cache/index.json",
        "team/cache/models/m",
    ] {
        refuses(&store, &entry("id", path), "path_refused");
    }
    put(&store, &entry("beside", "team/m"));
    let error = store
        .delete("before")
        .expect_err("it holds another store by now");
    assert_eq!(error.code(), "artifact_kept");
    assert!(get(&other, "id").is_some());
}

/// CAT-326
pub fn deleting_what_leads_out_by_now_says_so<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let victim = write(&sandbox.outside("victim"));
    put(&store, &entry("id", "models/victim"));
    link(&sandbox.inside("models"), &sandbox.outside(""));
    let error = store.delete("id").expect_err("it leads out");
    assert!(
        matches!(error, CatalogError::ArtifactKept { ref id, .. } if id == "id"),
        "{error}"
    );
    assert_eq!(get(&store, "id"), None, "the entry is gone all the same");
    assert!(victim.exists());
}
