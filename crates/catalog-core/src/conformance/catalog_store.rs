//! What every [`CatalogStore`] does. Each case takes a function that opens the store under test on
//! an empty root.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::sandbox::{ODD_IDS, Sandbox, link, write};
use crate::catalog::{CatalogStore, Expected, MAX_ID_LEN};
use crate::digest::Digest;
use crate::entry::{CatalogEntry, LifecycleState};
use crate::error::CatalogError;
use crate::model::ModelRef;

/// Makes a `#[test]` of each case; takes a function from a root to the store.
#[macro_export]
macro_rules! catalog_store_conformance {
    ($make:expr) => {
        $crate::conformance_tests!(
            catalog_store,
            $make,
            [
                an_entry_comes_back_as_it_was_put,
                a_relative_path_means_below_the_root,
                putting_an_id_again_replaces_its_entry,
                the_list_is_sorted_by_id,
                any_id_round_trips,
                an_empty_or_endless_id_is_refused,
                a_malformed_digest_is_refused,
                a_path_that_leaves_the_root_is_refused,
                the_root_and_the_stores_files_are_no_artifacts,
                setting_a_state_changes_nothing_else,
                a_conditional_write_happens_only_as_expected,
                exists_means_on_disk,
                locate_gives_only_active_models,
                deleting_removes_the_artifact_below_the_root,
                deleting_never_touches_what_lies_outside,
                deleting_spares_what_another_entry_uses,
                deleting_spares_what_another_entry_reaches_by_links,
                deleting_what_leads_out_by_now_says_so,
                another_store_in_the_root_is_left_alone,
                concurrent_changes_all_survive,
                pointers_to_a_store_are_stores,
            ]
        );
    };
}

fn entry(id: &str, path: impl Into<PathBuf>) -> CatalogEntry {
    CatalogEntry {
        id: id.to_owned(),
        local_path: path.into(),
        lifecycle: LifecycleState::Active,
        digest: None,
        last_verified_ms: None,
    }
}

#[track_caller]
fn put(store: &impl CatalogStore, entry: &CatalogEntry) {
    store.put(entry).expect("a good entry can be put");
}

#[track_caller]
fn get(store: &impl CatalogStore, id: &str) -> Option<CatalogEntry> {
    store.get(id).expect("the store can be read")
}

#[track_caller]
fn refuses(store: &impl CatalogStore, entry: &CatalogEntry, code: &str) {
    let before = store.list().expect("the store can be read");
    let error = store.put(entry).expect_err("it must be refused");
    assert_eq!(
        error.code(),
        code,
        "{entry:?} is refused for its cause: {error}"
    );
    let after = store.list().expect("the store can be read");
    assert_eq!(after, before, "a refused entry changes nothing");
}

/// CAT-301
pub fn an_entry_comes_back_as_it_was_put<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    assert_eq!(get(&store, "id"), None, "a new catalog is empty");
    let full = CatalogEntry {
        lifecycle: LifecycleState::Retired,
        digest: Some(Digest {
            algo: "sha256".to_owned(),
            value: "ab".repeat(32),
        }),
        last_verified_ms: Some(u64::MAX),
        ..entry("id", sandbox.outside("model.gguf"))
    };
    put(&store, &full);
    assert_eq!(get(&store, "id"), Some(full), "every field survives");
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

/// CAT-301
pub fn putting_an_id_again_replaces_its_entry<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    put(&store, &entry("id", sandbox.outside("old")));
    let new = CatalogEntry {
        last_verified_ms: Some(1),
        ..entry("id", sandbox.outside("new"))
    };
    put(&store, &new);
    assert_eq!(store.list().expect("it can be read"), [new]);
}

/// CAT-302
pub fn the_list_is_sorted_by_id<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    for id in ["b", "ä", "a", "B", "a/", "10", "9"] {
        put(&store, &entry(id, sandbox.outside("m")));
    }
    let list = store.list().expect("it can be read");
    let ids: Vec<&str> = list.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["10", "9", "B", "a", "a/", "b", "ä"], "by bytes");
}

/// CAT-303
pub fn any_id_round_trips<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let long = "x".repeat(MAX_ID_LEN);
    let ids: BTreeSet<&str> = ODD_IDS.into_iter().chain([long.as_str()]).collect();
    for id in &ids {
        put(&store, &entry(id, sandbox.outside("m")));
    }
    let list = store.list().expect("it can be read");
    let found: BTreeSet<&str> = list.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(found, ids);
    for id in ids {
        assert_eq!(get(&store, id).expect("it was put").id, id);
        assert!(store.delete(id).expect("it can be deleted"), "{id:?}");
    }
}

/// CAT-304
pub fn an_empty_or_endless_id_is_refused<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let endless = "x".repeat(MAX_ID_LEN + 1);
    refuses(&store, &entry("", sandbox.outside("m")), "invalid_entry");
    refuses(
        &store,
        &entry(&endless, sandbox.outside("m")),
        "invalid_entry",
    );
    assert_eq!(get(&store, ""), None);
    assert!(!store.delete("").expect("there is nothing to delete"));
}

/// CAT-305
pub fn a_malformed_digest_is_refused<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    for (algo, value) in [
        ("", "ab"),
        ("sha256", ""),
        ("sha256", "../x"),
        ("sha256", "AB"),
        ("a/b", "ab"),
    ] {
        let digest = Some(Digest {
            algo: algo.to_owned(),
            value: value.to_owned(),
        });
        let entry = CatalogEntry {
            digest,
            ..entry("id", sandbox.outside("m"))
        };
        refuses(&store, &entry, "invalid_entry");
    }
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
        "verifications.jsonl".into(),
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

/// CAT-306
pub fn setting_a_state_changes_nothing_else<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let active = CatalogEntry {
        last_verified_ms: Some(7),
        ..entry("id", sandbox.outside("m"))
    };
    put(&store, &active);
    store
        .set_state("id", LifecycleState::Retired)
        .expect("it is there");
    let retired = CatalogEntry {
        lifecycle: LifecycleState::Retired,
        ..active
    };
    assert_eq!(get(&store, "id"), Some(retired));
    let error = store
        .set_state("other", LifecycleState::Retired)
        .expect_err("it is not there");
    assert!(matches!(error, CatalogError::NotFound { ref id, .. } if id == "other"));
}

/// CAT-307
pub fn a_conditional_write_happens_only_as_expected<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let old = entry("id", sandbox.outside("old"));
    let new = entry("id", sandbox.outside("new"));
    #[track_caller]
    fn conflicts(result: crate::error::Result<()>) {
        assert_eq!(
            result.expect_err("it is not as expected").code(),
            "conflict"
        );
    }
    conflicts(store.put_if(&old, Expected::Present));
    conflicts(store.put_if(&old, Expected::Exactly(&new)));
    store
        .put_if(&old, Expected::Absent)
        .expect("nothing is there");
    conflicts(store.put_if(&new, Expected::Absent));
    conflicts(store.put_if(&new, Expected::Exactly(&new)));
    assert_eq!(
        get(&store, "id"),
        Some(old.clone()),
        "a conflict changes nothing"
    );
    store
        .put_if(&new, Expected::Exactly(&old))
        .expect("old is there");
    store.put_if(&old, Expected::Present).expect("new is there");
    store
        .put_if(&new, Expected::Any)
        .expect("it does not matter");
    assert_eq!(get(&store, "id"), Some(new));
}

/// CAT-308
pub fn exists_means_on_disk<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let path = write(&sandbox.outside("model.gguf"));
    let reference = path.to_str().expect("it is text").to_owned();
    let id = ModelRef::parse(&reference)
        .and_then(|mr| mr.id())
        .expect("it is a path");
    let exists = |what: &str| store.exists(what).expect("it can be looked for");
    assert!(!exists(&id), "not registered");
    put(&store, &entry(&id, &path));
    assert!(exists(&id), "by id");
    assert!(exists(&reference), "by reference");
    store
        .set_state(&id, LifecycleState::Retired)
        .expect("it is there");
    assert!(exists(&id), "in any state");
    fs::remove_file(&path).expect("it can be removed");
    assert!(!exists(&id), "the file is gone");
    put(&store, &entry("dangling", path.join("below a file")));
    assert!(!exists("dangling"));
    assert!(
        !exists("no such thing: \u{1}"),
        "text that is no reference is not there"
    );
}

/// CAT-309
pub fn locate_gives_only_active_models<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let path = write(&sandbox.inside("models/model.gguf"));
    let mr = ModelRef::parse("hf:org/repo/model.gguf").expect("it is a reference");
    let locate = || store.locate(&mr).expect("it can be looked for");
    assert_eq!(locate(), None, "not registered");
    put(&store, &entry("hf:org/repo/model.gguf", &path));
    let found = locate().expect("it is registered");
    assert_eq!(found.id, "hf:org/repo/model.gguf");
    assert_eq!(found.local_path, path);
    store
        .set_state(&found.id, LifecycleState::Retired)
        .expect("it is there");
    assert_eq!(locate(), None, "retired");
    store
        .set_state(&found.id, LifecycleState::Active)
        .expect("it is there");
    fs::remove_file(&path).expect("it can be removed");
    assert_eq!(locate(), None, "not on disk");
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

/// CAT-310
pub fn concurrent_changes_all_survive<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    const THREADS: usize = 4;
    const ENTRIES: usize = 8;
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let path = sandbox.outside("m");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, path) = (&store, &path);
            scope.spawn(move || {
                for number in 0..ENTRIES {
                    put(store, &entry(&format!("{thread}/{number}"), path));
                    put(store, &entry("shared", path));
                }
            });
        }
    });
    let count = store.list().expect("it can be read").len();
    assert_eq!(count, THREADS * ENTRIES + 1);
}

/// CAT-311
pub fn pointers_to_a_store_are_stores<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    fn is_a_store(store: impl CatalogStore, id: &str, path: &Path) {
        store
            .put_if(&entry(id, path), Expected::Absent)
            .expect("it can be put");
        assert!(store.exists(id).expect("it can be looked for"));
    }
    let sandbox = Sandbox::new();
    let path = write(&sandbox.outside("m"));
    let store = Arc::new(open(&sandbox.root()));
    is_a_store(&store, "reference", &path);
    is_a_store(Arc::clone(&store), "shared", &path);
    is_a_store(
        Box::new(&store) as Box<dyn CatalogStore + '_>,
        "boxed",
        &path,
    );
    assert_eq!(store.list().expect("it can be read").len(), 3);
}
