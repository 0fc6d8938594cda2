//! What every [`CatalogStore`] does. Each case takes a function that opens the store under test on
//! an empty root.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::model_calls::{entry, get, put, refuses};
use super::sandbox::{ODD_IDS, Sandbox, write};
use crate::catalog::CatalogStore;
use crate::digest::Digest;
use crate::entry::Expected;
use crate::entry::{CatalogEntry, LifecycleState};
use crate::error::CatalogError;
use crate::reference::ModelId;
use crate::reference::ModelRef;

/// Makes a `#[test]` of each case; takes a function from a root to the store.
#[macro_export]
macro_rules! catalog_store_conformance {
    ($make:expr) => {
        $crate::conformance_tests!(
            catalog_store,
            $make,
            [
                an_entry_comes_back_as_it_was_put,
                putting_an_id_again_replaces_its_entry,
                the_list_is_sorted_by_id,
                any_id_round_trips,
                an_empty_or_endless_id_is_refused,
                a_malformed_digest_is_refused,
                setting_a_state_changes_nothing_else,
                a_conditional_write_happens_only_as_expected,
                exists_means_on_disk,
                locate_gives_only_active_models,
                concurrent_changes_all_survive,
                pointers_to_a_store_are_stores,
            ]
        );
        $crate::catalog_paths_conformance!($make);
    };
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
    let long = "x".repeat(ModelId::MAX_LEN);
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
    let endless = "x".repeat(ModelId::MAX_LEN + 1);
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
        ("sha256", "abc123"),
        ("sha512", "ab"),
        ("sha256-tree", "ab"),
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
