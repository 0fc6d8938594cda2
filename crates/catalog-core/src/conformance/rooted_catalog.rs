//! The rules of paths and of deletion for a [`CatalogStore`] that has a root on disk. Each case takes
//! a function that opens the store under test on an empty root. [`CatalogRoot`](crate::CatalogRoot)
//! implements the rules.

use std::fs;
use std::path::{Path, PathBuf};

use super::calls::{delete, entry, fails, get, is_there, put, refuses};
use super::sandbox::{Sandbox, link, write};
use crate::catalog::CatalogStore;

/// Makes a `#[test]` of each case; takes a function from a root to the store. Needs feature
/// `conformance`.
#[macro_export]
macro_rules! rooted_catalog_conformance {
    ($make:expr) => {
        $crate::conformance_tests!(
            rooted_catalog,
            $make,
            [
                a_relative_path_means_below_the_root,
                a_path_that_leaves_the_root_is_refused,
                the_root_and_folders_around_it_are_no_artifacts,
                the_files_of_the_store_are_no_artifacts,
                deleting_removes_the_artifact_below_the_root,
                deleting_never_touches_what_lies_outside,
                deleting_spares_what_another_entry_uses,
                deleting_spares_what_another_entry_reaches_by_links,
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
        ("two words/ünïcode\n.gguf", "two words/ünïcode\n.gguf"),
    ] {
        put(&store, &entry(given, given));
        get(&store, given, Some(&entry(given, sandbox.inside(meant))));
    }
    let absolute = entry("absolute", sandbox.inside("models/e.gguf"));
    put(&store, &absolute);
    get(&store, "absolute", Some(&absolute));
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
    is_there(&victim, "as it lies outside", true);
}

/// CAT-322
pub fn the_root_and_folders_around_it_are_no_artifacts<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    link(&sandbox.outside("to root"), &sandbox.root());
    for path in [
        PathBuf::from("."),
        "./".into(),
        "models/..".into(),
        sandbox.root(),
        "/".into(),
        sandbox.outside(".."),
        sandbox.outside("to root"),
    ] {
        refuses(&store, &entry("id", path), "path_refused");
    }
}

/// CAT-322
pub fn the_files_of_the_store_are_no_artifacts<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    put(&store, &entry("first", sandbox.outside("m")));
    let own = fs::read_dir(sandbox.root()).expect("the root can be listed");
    for (number, own) in own.enumerate() {
        let path = own.expect("the root can be listed").path();
        refuses(&store, &entry("id", &path), "path_refused");
        let to_it = sandbox.outside(&format!("link {number}"));
        link(&to_it, &path);
        refuses(&store, &entry("id", &to_it), "path_refused");
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
        delete(&store, id, true);
        get(&store, id, None);
        delete(&store, id, false);
    }
    is_there(&file, "as its entry is deleted", false);
    is_there(&folder, "as its entry is deleted", false);
    is_there(&kept, "as only a link to it was in the folder", true);
}

/// CAT-324
pub fn deleting_never_touches_what_lies_outside<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let file = write(&sandbox.outside("model.gguf"));
    put(&store, &entry("outside", &file));
    delete(&store, "outside", true);
    is_there(&file, "as it lies outside", true);
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
        delete(&store, id, true);
    }
    is_there(&file, "as the entry \"same file\" uses it", true);
    is_there(&other, "as a link uses it", true);
    delete(&store, "same file", true);
    is_there(&file, "as no entry uses it any more", false);
}

/// CAT-325
pub fn deleting_spares_what_another_entry_reaches_by_links<S: CatalogStore>(
    open: impl Fn(&Path) -> S,
) {
    // The folder of an entry becomes a link to the folder of another entry.
    for first in ["a", "b"] {
        let sandbox = Sandbox::new();
        let store = open(&sandbox.root());
        let file = write(&sandbox.inside("v2/m.gguf"));
        put(&store, &entry("a", "current/m.gguf"));
        link(&sandbox.inside("current"), Path::new("v2"));
        put(&store, &entry("b", &file));
        delete(&store, first, true);
        is_there(&file, "as the other entry uses it", true);
    }
    // A chain of links.
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    write(&sandbox.inside("real.gguf"));
    link(&sandbox.inside("v1.gguf"), Path::new("real.gguf"));
    link(&sandbox.inside("latest.gguf"), Path::new("v1.gguf"));
    put(&store, &entry("v1", "v1.gguf"));
    put(&store, &entry("latest", "latest.gguf"));
    delete(&store, "v1", true);
    let latest = sandbox.inside("latest.gguf");
    is_there(&latest, "as it leads through v1.gguf", true);
    // A link in a folder.
    let file = write(&sandbox.inside("files/w"));
    fs::create_dir_all(sandbox.inside("snapshot/sub")).expect("folders can be made");
    link(&sandbox.inside("snapshot/sub/w"), &file);
    put(&store, &entry("file", &file));
    put(&store, &entry("snapshot", "snapshot"));
    delete(&store, "file", true);
    is_there(&file, "as a folder of an entry holds a link to it", true);
}

/// CAT-326
pub fn deleting_what_leads_out_by_now_says_so<S: CatalogStore>(open: impl Fn(&Path) -> S) {
    let sandbox = Sandbox::new();
    let store = open(&sandbox.root());
    let victim = write(&sandbox.outside("victim"));
    put(&store, &entry("id", "models/victim"));
    link(&sandbox.inside("models"), &sandbox.outside(""));
    let call = "delete(\"id\"), whose path leads out of the root";
    fails(call, store.delete("id"), "artifact_kept");
    get(&store, "id", None);
    is_there(&victim, "as it lies outside", true);
}
