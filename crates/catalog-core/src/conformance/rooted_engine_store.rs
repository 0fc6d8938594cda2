//! The rules of paths and of deletion for an [`EngineStore`] that has a root on disk. Each case takes
//! a function that opens the store under test on an empty root.

use std::path::{Path, PathBuf};

use super::calls::{
    delete_engine, engine, fails, get_engine, is_there, put_engine, refuses_engine,
};
use super::sandbox::{Sandbox, link, write};
use crate::catalog::EngineStore;

/// Makes a `#[test]` of each case; takes a function from a root to the store. Needs feature
/// `conformance`.
#[macro_export]
macro_rules! rooted_engine_store_conformance {
    ($make:expr) => {
        $crate::conformance_tests!(
            rooted_engine_store,
            $make,
            [
                a_relative_artifact_means_below_the_root,
                an_artifact_that_leaves_the_root_is_refused,
                deleting_an_engine_removes_its_artifacts_below_the_root,
                deleting_an_engine_reports_what_it_could_not_remove,
            ]
        );
    };
}

/// ENG-105
pub fn a_relative_artifact_means_below_the_root<S: EngineStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let both = [
        ("engines/llama-server", "engines/llama-server"),
        ("llama.cpp/build/bin/server", "llama.cpp/build/bin/server"),
        ("./docker.io/vllm/vllm-openai", "docker.io/vllm/vllm-openai"),
        ("./ghcr.io/odd:name", "ghcr.io/odd:name"),
    ];
    let given = both.map(|(given, _)| PathBuf::from(given));
    put_engine(&store, &engine("id", given.to_vec()));
    let meant = both.map(|(_, meant)| sandbox.inside(meant));
    get_engine(&store, "id", Some(&engine("id", meant.to_vec())));
}

/// ENG-106
pub fn an_artifact_that_leaves_the_root_is_refused<S: EngineStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    link(&sandbox.inside("out"), &sandbox.outside(""));
    for path in ["", "../outside/x", "./../outside/x", "out/x", "out", "."] {
        let artifacts = vec!["good".into(), path.into()];
        refuses_engine(&store, &engine("id", artifacts), "path_refused");
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
    let artifacts = [&own, &odd, &shared, &outside, &image];
    put_engine(&store, &engine("a", artifacts.map(PathBuf::clone).to_vec()));
    put_engine(&store, &engine("b", vec![shared.clone()]));
    delete_engine(&store, "a", true);
    delete_engine(&store, "a", false);
    is_there(&own, "as its only engine is deleted", false);
    is_there(&odd, "as its only engine is deleted", false);
    is_there(&shared, "as another engine uses it", true);
    is_there(&outside, "as it lies outside", true);
}

/// ENG-108
pub fn deleting_an_engine_reports_what_it_could_not_remove<S: EngineStore>(
    open: impl Fn(&Path) -> S,
) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let victim = write(&sandbox.outside("victim"));
    let last = write(&sandbox.inside("last"));
    let artifacts = vec!["bin/victim".into(), last.clone()];
    put_engine(&store, &engine("id", artifacts));
    link(&sandbox.inside("bin"), &sandbox.outside(""));
    let call = "delete(\"id\"), one of whose artifacts leads out of the root";
    fails(call, store.delete("id"), "artifact_kept");
    is_there(&victim, "as it lies outside", true);
    is_there(&last, "as the others are removed", false);
    get_engine(&store, "id", None);
}
