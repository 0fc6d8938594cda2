//! Links, pipes, files and folders that lie where the store keeps something else.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use catalog_core::maintenance::{CollectionPolicy, Removable};
use catalog_core::{CatalogStore, FsCatalog, rebuild, recover};

use crate::util::entry;

/// A path of the store, and a function that creates a foreign file there.
type Plant = (&'static str, fn(&Path));

const PLANTED: [Plant; 9] = [
    (".index.json.new", |path| fs::create_dir(path).unwrap()),
    ("index.json", |path| symlink("/nowhere", path).unwrap()),
    ("engines.json", |path| fs::create_dir(path).unwrap()),
    ("pins.json.previous", |path| fs::create_dir(path).unwrap()),
    (".index.json.spare", |path| {
        drop(UnixListener::bind(path).unwrap());
    }),
    ("locks", |path| fs::write(path, "no folder").unwrap()),
    ("removed", |path| symlink("/tmp", path).unwrap()),
    ("artifacts", |path| fs::write(path, "no folder").unwrap()),
    ("blobs", |path| {
        drop(UnixListener::bind(path).unwrap());
    }),
];

fn plant(path: &Path, make: fn(&Path)) {
    match path.is_dir() {
        true => fs::remove_dir_all(path).unwrap(),
        false => drop(fs::remove_file(path)),
    }
    make(path);
}

/// CAT-466
#[test]
fn recovery_keeps_foreign_things_aside_and_mends_the_root() {
    for (name, make) in PLANTED {
        let root = tempfile::tempdir().unwrap();
        let catalog = FsCatalog::new(root.path()).unwrap();
        catalog.put(&entry("a", "a")).unwrap();
        catalog.put(&entry("b", "b")).unwrap();
        plant(&root.path().join(name), make);
        let report = recover(root.path()).unwrap();
        let [kept] = &report.kept_aside[..] else {
            panic!("{name}: {report:?}");
        };
        let (from, kept) = (&kept.from, &kept.path);
        assert_eq!(*from, catalog.root().join(name));
        let kept_name = kept.file_name().unwrap().to_str().unwrap();
        assert!(
            kept_name.starts_with(&format!("{name}.damaged-")),
            "{kept_name}"
        );
        assert!(kept.symlink_metadata().is_ok());
        let catalog = FsCatalog::new(root.path()).unwrap();
        catalog.put(&entry("c", "c")).unwrap();
        assert!(catalog.get("a").unwrap().is_some(), "{name}");
        // It is no artifact, and no lock: a collection removes it when the policy says so.
        let refused = catalog.put(&entry("d", kept_name)).unwrap_err();
        assert_eq!(refused.code(), "path_refused", "{name}");
        let policy = CollectionPolicy::default().leftovers_for(std::time::Duration::ZERO);
        let plan = catalog.plan_collection(&policy).unwrap();
        let done = catalog.collect(&plan).unwrap();
        assert!(
            done.removed.contains(&Removable::KeptAside(kept.clone())),
            "{name}: {done:?}"
        );
        assert!(kept.symlink_metadata().is_err());
        assert_eq!(recover(root.path()).unwrap().kept_aside, []);
    }
}

/// CAT-466
#[test]
fn rebuilding_keeps_foreign_things_aside_too() {
    let root = tempfile::tempdir().unwrap();
    FsCatalog::new(root.path())
        .unwrap()
        .put(&entry("a", "a"))
        .unwrap();
    for name in ["index.json", "index.json.previous"] {
        plant(&root.path().join(name), |path| {
            symlink("/nowhere", path).unwrap();
        });
    }
    let report = rebuild(root.path()).unwrap();
    assert_eq!(report.kept_aside.len(), 2);
    let catalog = FsCatalog::new(root.path()).unwrap();
    catalog.put(&entry("b", "b")).unwrap();
}
