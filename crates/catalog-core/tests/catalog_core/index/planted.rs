//! What others leave at the store's own paths never leads a write out of the root.

use std::fs;
use std::os::unix::fs::symlink;

use catalog_core::{CatalogStore, FsCatalog};

use crate::util::entry;

/// CAT-430
#[test]
fn a_link_planted_at_a_path_of_the_store_is_refused_and_its_target_untouched() {
    for planted in ["index.json", "locks", "locks/index.lock"] {
        for is_dangling in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("root");
            let victim = folder.path().join("victim");
            fs::create_dir(&root).unwrap();
            match (is_dangling, planted) {
                (true, _) => {}
                (false, "locks") => fs::create_dir(&victim).unwrap(),
                (false, _) => fs::write(&victim, "{}").unwrap(),
            }
            let path = root.join(planted);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(&victim, &path).unwrap();

            let put = FsCatalog::new(&root).and_then(|catalog| catalog.put(&entry("id", "m")));
            assert_eq!(
                put.unwrap_err().code(),
                "io",
                "{planted} dangling: {is_dangling}"
            );
            assert_eq!(victim.exists(), !is_dangling, "{planted}");
            if victim.is_file() {
                assert_eq!(fs::read(&victim).unwrap(), b"{}", "{planted}");
            } else if victim.is_dir() {
                assert_eq!(fs::read_dir(&victim).unwrap().count(), 0, "{planted}");
            }
        }
    }
}

/// CAT-430
#[test]
fn a_folder_or_pipe_planted_at_a_path_of_the_store_is_refused() {
    for planted in ["index.json", "locks/index.lock"] {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(planted)).unwrap();
        let put = FsCatalog::new(root.path()).and_then(|catalog| catalog.put(&entry("id", "m")));
        let error = put.unwrap_err();
        assert_eq!(error.code(), "io");
        assert!(error.to_string().contains(planted), "{error}");

        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(planted).parent().unwrap()).unwrap();
        std::os::unix::net::UnixListener::bind(root.path().join(planted)).unwrap();
        let put = FsCatalog::new(root.path()).and_then(|catalog| catalog.put(&entry("id", "m")));
        assert_eq!(put.unwrap_err().code(), "io");
    }
}

/// CAT-431
#[test]
fn the_root_itself_may_be_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    fs::create_dir(base.join("real")).unwrap();
    symlink("real", base.join("link")).unwrap();
    let catalog = FsCatalog::new(base.join("link")).unwrap();
    catalog
        .put(&entry("id", base.join("link/models/m")))
        .unwrap();
    let found = catalog.get("id").unwrap().unwrap().local_path;
    assert_eq!(
        found,
        base.join("real/models/m"),
        "below the root, however it is spelled"
    );
    let out = catalog
        .put(&entry("id", base.join("link/../m")))
        .unwrap_err();
    assert_eq!(out.code(), "path_refused");
}

/// CAT-430
#[test]
fn a_second_name_of_the_lock_file_is_refused_and_its_other_name_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let victim = folder.path().join("victim");
    fs::create_dir_all(root.join("locks")).unwrap();
    fs::write(&victim, "precious").unwrap();
    fs::hard_link(&victim, root.join("locks/index.lock")).unwrap();
    let catalog = FsCatalog::new(&root).unwrap();
    assert_eq!(catalog.put(&entry("id", "m")).unwrap_err().code(), "io");
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
}

/// CAT-432
#[test]
fn opening_a_root_creates_nothing_but_the_root() {
    let folder = tempfile::tempdir().unwrap();
    FsCatalog::new(folder.path().join("stray/../root")).unwrap();
    assert_eq!(crate::util::names_in(folder.path()), ["root"]);
}
