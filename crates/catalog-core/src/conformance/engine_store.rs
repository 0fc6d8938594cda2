//! What every [`EngineStore`] does. Each case takes a function that opens the store under test on
//! an empty root.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::sandbox::{ODD_IDS, Sandbox, link, write};
use crate::catalog::EngineStore;
use crate::entry::{EngineEntry, EngineFilter};
use crate::error::CatalogError;

/// Makes a `#[test]` of each case; takes a function from a root to the store.
#[macro_export]
macro_rules! engine_store_conformance {
    ($make:expr) => {
        $crate::conformance_tests!(
            engine_store,
            $make,
            [
                an_engine_comes_back_as_it_was_put,
                any_engine_id_round_trips,
                a_blank_id_engine_or_version_is_refused,
                a_filter_finds_exactly_what_matches,
                paths_and_images_are_told_apart,
                an_artifact_that_leaves_the_root_is_refused,
                deleting_an_engine_removes_its_artifacts_below_the_root,
                deleting_an_engine_reports_what_it_could_not_remove,
                pointers_to_an_engine_store_are_stores,
            ]
        );
    };
}

fn engine(id: &str, artifacts: Vec<PathBuf>) -> EngineEntry {
    EngineEntry {
        id: id.to_owned(),
        engine: "llama.cpp".to_owned(),
        version: "b4000".to_owned(),
        build_ref: None,
        digest: None,
        build_flags: None,
        artifacts,
        created_ms: 0,
    }
}

#[track_caller]
fn put(store: &impl EngineStore, entry: &EngineEntry) {
    store.put(entry).expect("a good entry can be put");
}

#[track_caller]
fn get(store: &impl EngineStore, id: &str) -> Option<EngineEntry> {
    store.get(id).expect("the store can be read")
}

#[track_caller]
fn refuses(store: &impl EngineStore, entry: &EngineEntry, code: &str) {
    let error = store.put(entry).expect_err("it must be refused");
    assert_eq!(
        error.code(),
        code,
        "{entry:?} is refused for its cause: {error}"
    );
    let list = store.list().expect("the store can be read");
    assert_eq!(list, [], "a refused entry changes nothing");
}

/// ENG-101
pub fn an_engine_comes_back_as_it_was_put<S: EngineStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    assert_eq!(get(&store, "id"), None, "a new store is empty");
    let full = EngineEntry {
        build_ref: Some("refs/tags/b4000".to_owned()),
        digest: Some(format!("sha256:{}", "0f".repeat(32))),
        build_flags: Some(vec!["-DGGML_CUDA=ON".to_owned(), String::new()]),
        created_ms: i64::MIN,
        ..engine("id", vec![sandbox.outside("llama-server")])
    };
    put(&store, &engine("id", Vec::new()));
    put(&store, &full);
    assert_eq!(
        get(&store, "id"),
        Some(full.clone()),
        "every field survives"
    );
    assert_eq!(store.list().expect("it can be read"), [full]);
}

/// ENG-102
pub fn any_engine_id_round_trips<S: EngineStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    for id in ODD_IDS {
        put(&store, &engine(id, Vec::new()));
        assert_eq!(get(&store, id), Some(engine(id, Vec::new())));
    }
    assert_eq!(store.list().expect("it can be read").len(), ODD_IDS.len());
}

/// ENG-103
pub fn a_blank_id_engine_or_version_is_refused<S: EngineStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let good = engine("id", Vec::new());
    let blank = || " ".to_owned();
    refuses(&store, &engine("", Vec::new()), "invalid_entry");
    refuses(
        &store,
        &EngineEntry {
            engine: blank(),
            ..good.clone()
        },
        "invalid_entry",
    );
    refuses(
        &store,
        &EngineEntry {
            version: blank(),
            ..good
        },
        "invalid_entry",
    );
}

/// ENG-104
pub fn a_filter_finds_exactly_what_matches<S: EngineStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    for (id, name, version) in [
        ("3", "vllm", "1"),
        ("1", "llama.cpp", "1"),
        ("2", "llama.cpp", "2"),
    ] {
        let entry = EngineEntry {
            engine: name.to_owned(),
            version: version.to_owned(),
            ..engine(id, Vec::new())
        };
        put(&store, &entry);
    }
    let find = |name: Option<&str>, version: Option<&str>| {
        let filter = EngineFilter {
            engine: name.map(str::to_owned),
            version: version.map(str::to_owned),
        };
        let found = store.find(&filter).expect("it can be read");
        found.into_iter().map(|entry| entry.id).collect::<Vec<_>>()
    };
    assert_eq!(find(None, None), ["1", "2", "3"]);
    assert_eq!(find(Some("llama.cpp"), None), ["1", "2"]);
    assert_eq!(find(None, Some("1")), ["1", "3"]);
    assert_eq!(find(Some("llama.cpp"), Some("2")), ["2"]);
    assert!(
        find(Some("llama"), None).is_empty(),
        "a filter is no prefix"
    );
    assert!(find(Some(""), None).is_empty(), "empty text is no wildcard");
}

/// ENG-105
pub fn paths_and_images_are_told_apart<S: EngineStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let pinned = format!("localhost:5000/engines/vllm@sha256:{}", "0f".repeat(32));
    let cases = [
        ("oci://docker.io/vllm/vllm-openai:v0.6", None),
        ("ghcr.io/ggml-org/llama.cpp:server-cuda", None),
        (pinned.as_str(), None),
        ("engines/llama-server", Some("engines/llama-server")),
        (
            "docker.io/vllm/vllm-openai",
            Some("docker.io/vllm/vllm-openai"),
        ),
        ("./ghcr.io/odd:name", Some("ghcr.io/odd:name")),
        ("/srv/engines/llama:v1", None),
    ];
    let artifacts = cases
        .iter()
        .map(|(given, _)| PathBuf::from(given))
        .collect();
    put(&store, &engine("id", artifacts));
    let found = get(&store, "id").expect("it was put").artifacts;
    for ((given, path), found) in cases.into_iter().zip(found) {
        let meant = path.map_or_else(|| PathBuf::from(given), |path| sandbox.inside(path));
        // As text: a path compares equal to one with other slashes.
        assert_eq!(found.to_str(), meant.to_str(), "{given}");
    }
    assert!(store.delete("id").expect("it can be deleted"));
    for ambiguous in [
        "vllm:latest",
        "engines/a:b",
        "C:\\engine.exe",
        "oci://",
        "oci://r/UPPER",
    ] {
        refuses(
            &store,
            &engine("id", vec![ambiguous.into()]),
            "path_refused",
        );
    }
}

/// ENG-106
pub fn an_artifact_that_leaves_the_root_is_refused<S: EngineStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    link(&sandbox.inside("out"), &sandbox.outside(""));
    for path in [
        "",
        "../outside/x",
        "./../outside/x",
        "out/x",
        "out",
        ".",
        "engines.json",
    ] {
        let artifacts = vec!["good".into(), path.into()];
        refuses(&store, &engine("id", artifacts), "path_refused");
    }
}

/// ENG-107
pub fn deleting_an_engine_removes_its_artifacts_below_the_root<S: EngineStore>(
    open: impl Fn(&Path) -> S,
) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let own = write(&sandbox.inside("engines/a/own"));
    let odd = write(&sandbox.inside("engines/odd:name"));
    let shared = write(&sandbox.inside("engines/shared"));
    let outside = write(&sandbox.outside("engine"));
    let image = PathBuf::from("ghcr.io/org/engine:1");
    let artifacts = vec![
        own.clone(),
        odd.clone(),
        shared.clone(),
        outside.clone(),
        image,
    ];
    put(&store, &engine("a", artifacts));
    put(&store, &engine("b", vec![shared.clone()]));
    assert!(store.delete("a").expect("it can be deleted"));
    assert!(!store.delete("a").expect("it is gone"));
    assert!(!own.exists() && !odd.exists());
    assert!(shared.exists(), "another engine uses it");
    assert!(outside.exists(), "it lies outside");
}

/// ENG-108
pub fn deleting_an_engine_reports_what_it_could_not_remove<S: EngineStore>(
    open: impl Fn(&Path) -> S,
) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let victim = write(&sandbox.outside("victim"));
    let last = write(&sandbox.inside("last"));
    put(
        &store,
        &engine("id", vec!["bin/victim".into(), last.clone()]),
    );
    link(&sandbox.inside("bin"), &sandbox.outside(""));
    let error = store.delete("id").expect_err("one leads out by now");
    assert!(
        matches!(error, CatalogError::ArtifactKept { .. }),
        "{error}"
    );
    assert!(victim.exists());
    assert!(!last.exists(), "the others are removed all the same");
    assert_eq!(get(&store, "id"), None);
}

/// ENG-109
pub fn pointers_to_an_engine_store_are_stores<S: EngineStore>(open: impl Fn(&Path) -> S) {
    fn is_a_store(store: impl EngineStore, id: &str) {
        put(&store, &engine(id, Vec::new()));
        assert!(get(&store, id).is_some());
    }
    let sandbox = Sandbox::new();
    let store = Arc::new(open(&sandbox.root()));
    is_a_store(&store, "reference");
    is_a_store(Arc::clone(&store), "shared");
    is_a_store(Box::new(&store) as Box<dyn EngineStore + '_>, "boxed");
    assert_eq!(store.list().expect("it can be read").len(), 3);
}
