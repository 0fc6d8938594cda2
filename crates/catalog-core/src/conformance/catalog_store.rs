//! The contract of [`CatalogStore`], for every implementation. Each case takes a function that opens
//! an empty store under test. The function gets a folder for the files of the store. The models of
//! a case lie beside that folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::calls::{delete, entry, fails, get, list, put, refuses, returns, set_state};
use super::sandbox::{ODD_IDS, Sandbox, write};
use crate::catalog::CatalogStore;
use crate::digest::Digest;
use crate::entry::{CatalogEntry, Expected, LifecycleState, ResolvedModel};
use crate::reference::{ModelId, ModelRef};

/// Makes a `#[test]` of each case; takes a function from a folder to the store. Needs feature
/// `conformance`.
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
    };
}

/// CAT-301
pub fn an_entry_comes_back_as_it_was_put<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    get(&store, "id", None);
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
    get(&store, "id", Some(&full));
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
    returns("list()", store.list(), vec![new]);
}

/// CAT-302
pub fn the_list_is_sorted_by_id<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    for id in ["b", "ä", "a", "B", "a/", "10", "9"] {
        put(&store, &entry(id, sandbox.outside("m")));
    }
    let sorted = ["10", "9", "B", "a", "a/", "b", "ä"];
    let expected = sorted.map(|id| entry(id, sandbox.outside("m")));
    returns("list()", store.list(), expected.to_vec());
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
    let entries = ids.iter().map(|id| entry(id, sandbox.outside("m")));
    returns("list()", store.list(), entries.collect());
    for id in ids {
        get(&store, id, Some(&entry(id, sandbox.outside("m"))));
        delete(&store, id, true);
    }
    returns("list() after all deletions", store.list(), Vec::new());
}

/// CAT-304
pub fn an_empty_or_endless_id_is_refused<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let endless = "x".repeat(ModelId::MAX_LEN + 1);
    for id in ["", &endless] {
        refuses(&store, &entry(id, sandbox.outside("m")), "invalid_entry");
    }
    get(&store, "", None);
    delete(&store, "", false);
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
        digest: Some(Digest {
            algo: "sha512".to_owned(),
            value: "0f".repeat(64),
        }),
        last_verified_ms: Some(7),
        ..entry("id", sandbox.outside("m"))
    };
    put(&store, &active);
    set_state(&store, "id", LifecycleState::Retired);
    let retired = CatalogEntry {
        lifecycle: LifecycleState::Retired,
        ..active
    };
    get(&store, "id", Some(&retired));
    let absent = store.set_state("other", LifecycleState::Retired);
    fails("set_state(\"other\", Retired)", absent, "not_found");
}

/// CAT-307
pub fn a_conditional_write_happens_only_as_expected<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let old = entry("id", sandbox.outside("old"));
    let new = entry("id", sandbox.outside("new"));
    let (old, new) = (&old, &new);
    let mut present: Option<&CatalogEntry> = None;
    for (entry, expected, is_met) in [
        (old, Expected::Present, false),
        (old, Expected::Exactly(new), false),
        (old, Expected::Absent, true),
        (new, Expected::Absent, false),
        (new, Expected::Exactly(new), false),
        (new, Expected::Exactly(old), true),
        (old, Expected::Present, true),
        (new, Expected::Any, true),
    ] {
        let call = format!("put_if({entry:?}, {expected:?})");
        let actual = store.put_if(entry, expected);
        match is_met {
            true => {
                returns(call, actual, ());
                present = Some(entry);
            }
            false => fails(call, actual, "conflict"),
        }
        get(&store, "id", present);
    }
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
    let exists = |what: &str, why: &str, expected: bool| {
        let call = format!("exists({what:?}), {why}");
        returns(call, store.exists(what), expected);
    };
    exists(&id, "not registered", false);
    put(&store, &entry(&id, &path));
    exists(&id, "by id", true);
    exists(&reference, "by reference", true);
    set_state(&store, &id, LifecycleState::Retired);
    exists(&id, "in any state", true);
    fs::remove_file(&path).expect("it can be removed");
    exists(&id, "its file is gone", false);
    put(&store, &entry("dangling", path.join("below a file")));
    exists("dangling", "below a file that is gone", false);
    exists(
        "no such thing: \u{1}",
        "neither an id nor a reference",
        false,
    );
}

/// CAT-309
pub fn locate_gives_only_active_models<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let local_path = write(&sandbox.outside("model.gguf"));
    let id = "hf:org/repo/model.gguf".to_owned();
    let mr = ModelRef::parse(&id).expect("it is a reference");
    let locate = |why: &str, expected: Option<&ResolvedModel>| {
        let call = format!("locate({mr:?}), {why}");
        returns(call, store.locate(&mr), expected.cloned());
    };
    locate("not registered", None);
    put(&store, &entry(&id, &local_path));
    let found = ResolvedModel { id, local_path };
    locate("registered", Some(&found));
    set_state(&store, &found.id, LifecycleState::Retired);
    locate("retired", None);
    set_state(&store, &found.id, LifecycleState::Active);
    locate("active again", Some(&found));
    fs::remove_file(&found.local_path).expect("it can be removed");
    locate("not on disk", None);
}

/// CAT-310
pub fn concurrent_changes_all_survive<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    const THREADS: usize = 4;
    const ENTRIES: usize = 8;
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let path = sandbox.outside("m");
    let id = |thread, number| format!("{thread}/{number}");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, path) = (&store, &path);
            scope.spawn(move || {
                for number in 0..ENTRIES {
                    put(store, &entry(&id(thread, number), path));
                    put(store, &entry("shared", path));
                }
            });
        }
    });
    let all = (0..THREADS).flat_map(|thread| (0..ENTRIES).map(move |number| id(thread, number)));
    let mut expected: Vec<String> = all.chain(["shared".to_owned()]).collect();
    expected.sort();
    let found: Vec<String> = list(&store).into_iter().map(|entry| entry.id).collect();
    returns("the ids of list()", Ok(found), expected);
}

/// CAT-311
pub fn pointers_to_a_store_are_stores<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    fn is_a_store(store: impl CatalogStore, id: &str, path: &Path) {
        let call = format!("put_if({id:?}, Absent)");
        returns(call, store.put_if(&entry(id, path), Expected::Absent), ());
        returns(format!("exists({id:?})"), store.exists(id), true);
    }
    let sandbox = Sandbox::new();
    let path = write(&sandbox.outside("m"));
    let store = Arc::new(open(&sandbox.root()));
    is_a_store(&store, "1 reference", &path);
    is_a_store(Arc::clone(&store), "2 shared", &path);
    let boxed = Box::new(&store) as Box<dyn CatalogStore + '_>;
    is_a_store(boxed, "3 boxed", &path);
    let ids = ["1 reference", "2 shared", "3 boxed"];
    let expected = ids.map(|id| entry(id, &path));
    returns("list()", store.list(), expected.to_vec());
}
