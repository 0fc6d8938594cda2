//! The contract of [`EngineStore`], for every implementation. Each case takes a function that opens
//! an empty store under test. The function gets a folder for the files of the store. The models of
//! a case lie beside that folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::calls::{delete_engine, engine, get_engine, put_engine, refuses_engine, returns};
use super::sandbox::{ODD_IDS, Sandbox};
use crate::catalog::EngineStore;
use crate::entry::{EngineEntry, EngineFilter};

/// Makes a `#[test]` of each case; takes a function from a folder to the store. Needs feature
/// `conformance`.
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
                images_come_back_as_they_were_put,
                a_text_that_may_be_a_path_or_an_image_is_refused,
                pointers_to_an_engine_store_are_stores,
            ]
        );
    };
}

/// ENG-101
pub fn an_engine_comes_back_as_it_was_put<S: EngineStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    get_engine(&store, "id", None);
    let full = EngineEntry {
        build_ref: Some("refs/tags/b4000".to_owned()),
        digest: Some(format!("sha256:{}", "0f".repeat(32))),
        build_flags: Some(vec!["-DGGML_CUDA=ON".to_owned(), String::new()]),
        created_ms: i64::MIN,
        ..engine("id", vec![sandbox.outside("llama-server")])
    };
    put_engine(&store, &engine("id", Vec::new()));
    put_engine(&store, &full);
    get_engine(&store, "id", Some(&full));
    returns("list()", store.list(), vec![full]);
    delete_engine(&store, "id", true);
    delete_engine(&store, "id", false);
    returns("list()", store.list(), Vec::new());
}

/// ENG-102
pub fn any_engine_id_round_trips<S: EngineStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    for id in ODD_IDS {
        put_engine(&store, &engine(id, Vec::new()));
        get_engine(&store, id, Some(&engine(id, Vec::new())));
    }
    let mut ids = ODD_IDS;
    ids.sort_unstable();
    let expected = ids.map(|id| engine(id, Vec::new()));
    returns("list()", store.list(), expected.to_vec());
}

/// ENG-103
pub fn a_blank_id_engine_or_version_is_refused<S: EngineStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let good = || engine("id", Vec::new());
    let blank = || " ".to_owned();
    for entry in [
        engine("", Vec::new()),
        EngineEntry {
            engine: blank(),
            ..good()
        },
        EngineEntry {
            version: blank(),
            ..good()
        },
    ] {
        refuses_engine(&store, &entry, "invalid_entry");
    }
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
        put_engine(&store, &entry);
    }
    let finds = |name: Option<&str>, version: Option<&str>, expected: &[&str]| {
        let filter = EngineFilter {
            engine: name.map(str::to_owned),
            version: version.map(str::to_owned),
        };
        let found = store.find(&filter);
        let ids = found.map(|found| found.into_iter().map(|entry| entry.id).collect());
        let expected: Vec<String> = expected.iter().map(|id| (*id).to_owned()).collect();
        returns(format!("the ids of find({filter:?})"), ids, expected);
    };
    finds(None, None, &["1", "2", "3"]);
    finds(Some("llama.cpp"), None, &["1", "2"]);
    finds(None, Some("1"), &["1", "3"]);
    finds(Some("llama.cpp"), Some("2"), &["2"]);
    // A filter is no prefix, and an empty text no wildcard.
    finds(Some("llama"), None, &[]);
    finds(Some(""), None, &[]);
}

/// ENG-105
pub fn images_come_back_as_they_were_put<S: EngineStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let pinned = format!("localhost:5000/engines/vllm@sha256:{}", "0f".repeat(32));
    let artifacts = [
        "oci://docker.io/vllm/vllm-openai:v0.6",
        "ghcr.io/ggml-org/llama.cpp:server-cuda",
        pinned.as_str(),
        "/srv/engines/llama:v1",
    ];
    let entry = engine("id", artifacts.map(PathBuf::from).to_vec());
    put_engine(&store, &entry);
    // As text: a path compares equal to one with other slashes.
    let found = store.get("id").map(|found| {
        let found = found.map_or(Vec::new(), |entry| entry.artifacts);
        let texts = found.into_iter().map(|path| path.display().to_string());
        texts.collect::<Vec<_>>()
    });
    let expected = artifacts.map(str::to_owned).to_vec();
    returns("the artifacts of get(\"id\")", found, expected);
    delete_engine(&store, "id", true);
}

/// ENG-105
pub fn a_text_that_may_be_a_path_or_an_image_is_refused<S: EngineStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    for ambiguous in [
        "vllm:latest",
        "engines/a:b",
        "C:\\engine.exe",
        "oci://",
        "oci://r/UPPER",
        "docker.io/vllm/vllm-openai",
        "ghcr.io/org/vllm",
        "localhost/vllm",
    ] {
        refuses_engine(
            &store,
            &engine("id", vec![ambiguous.into()]),
            "path_refused",
        );
    }
}

/// ENG-109
pub fn pointers_to_an_engine_store_are_stores<S: EngineStore>(open: impl Fn(&Path) -> S) {
    fn is_a_store(store: impl EngineStore, id: &str) {
        put_engine(&store, &engine(id, Vec::new()));
        get_engine(&store, id, Some(&engine(id, Vec::new())));
    }
    let sandbox = Sandbox::new();
    let store = Arc::new(open(&sandbox.root()));
    is_a_store(&store, "1 reference");
    is_a_store(Arc::clone(&store), "2 shared");
    is_a_store(Box::new(&store) as Box<dyn EngineStore + '_>, "3 boxed");
    let ids = ["1 reference", "2 shared", "3 boxed"];
    let expected = ids.map(|id| engine(id, Vec::new()));
    returns("list()", store.list(), expected.to_vec());
}
