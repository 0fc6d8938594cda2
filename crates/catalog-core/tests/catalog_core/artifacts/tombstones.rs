//! The remains of a refused or interrupted deletion, and their end.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use catalog_core::maintenance::{Collected, CollectionPlan, Removable, RemovalReason};
use catalog_core::{
    CatalogEntry, CatalogStore, EngineEntry, EngineStore, FsCatalog, FsEngineStore, ImportRequest,
    recover,
};

use crate::util::{entry, model_id, names_in, sealed, state_of};

fn import(catalog: &FsCatalog, folder: &Path, id: &str) -> CatalogEntry {
    let source = folder.join("source.bin");
    fs::write(&source, id).unwrap();
    catalog
        .import(&ImportRequest::new(&model_id(id), &source), &mut |_| Ok(()))
        .unwrap()
}

fn plan(catalog: &FsCatalog) -> CollectionPlan {
    catalog.plan_collection(&Default::default()).unwrap()
}

fn collect(catalog: &FsCatalog) -> Collected {
    let plan = plan(catalog);
    let done = catalog.collect(&plan).unwrap();
    assert!(done.spared.is_empty() || done.freed < plan.reclaimable_bytes());
    done
}

fn has_tombstones(catalog: &FsCatalog) -> bool {
    let text = fs::read_to_string(catalog.root().join("index.json")).unwrap();
    text.lines().next().unwrap().contains("\"tombstones\":[{")
}

/// A root whose file or folder `path` was deleted as model `old` while it was leased, and still is.
fn with_refused_deletion(folder: &Path, path: &str) -> (FsCatalog, PathBuf) {
    let catalog = FsCatalog::new(folder.join("root")).unwrap();
    let file = catalog.root().join("d/e/m");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "old").unwrap();
    catalog.put(&entry("old", path)).unwrap();
    let lease = catalog.lease("old").unwrap();
    assert_eq!(catalog.delete("old").unwrap_err().code(), "artifact_kept");
    drop(lease);
    assert!(has_tombstones(&catalog));
    (catalog, file)
}

/// CAT-890
#[test]
fn what_was_leased_when_it_was_deleted_goes_with_the_next_collection() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let managed = import(&catalog, folder.path(), "managed").local_path;
    let own = catalog.root().join("own.bin");
    fs::write(&own, [1; 5000]).unwrap();
    catalog.put(&entry("own", "own.bin")).unwrap();
    import(&catalog, folder.path(), "kept");
    let mut leases = Vec::new();
    for id in ["managed", "own"] {
        leases.push(catalog.lease(id).unwrap());
        let error = catalog.delete(id).unwrap_err();
        assert_eq!(error.code(), "artifact_kept", "{id}: {error}");
        assert_eq!(catalog.get(id).unwrap(), None, "{id}");
    }
    assert!(has_tombstones(&catalog));
    // Also another process's collection waits for the leases.
    let other = FsCatalog::new(catalog.root()).unwrap();
    let done = collect(&other);
    assert_eq!((done.removed.len(), done.freed), (0, 0), "{done:?}");
    let codes: Vec<&str> = done.spared.iter().map(|spared| spared.why.code()).collect();
    assert_eq!(codes, ["in_use"], "the managed one is not planned");
    assert!(own.exists() && managed.exists());

    drop(leases);
    let plan = plan(&other);
    let frees = plan.reclaimable_bytes();
    let done = other.collect(&plan).unwrap();
    assert!(done.spared.is_empty(), "{done:?}");
    assert_eq!(done.removed.len(), 2);
    assert!(done.removed.contains(&Removable::Deleted(own.clone())));
    assert_eq!(done.freed, frees);
    assert!(!own.exists() && !managed.exists());
    assert_eq!(catalog.list().unwrap().len(), 1);
    catalog.put(&entry("next", "m")).unwrap();
    assert!(!has_tombstones(&catalog));
}

/// CAT-890
#[test]
fn engines_that_could_not_be_removed_go_with_the_next_collection_too() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let engines = FsEngineStore::new(&root).unwrap();
    let models = FsCatalog::new(&root).unwrap();
    let file = models.root().join("server");
    fs::write(&file, "x").unwrap();
    engines
        .put(&EngineEntry {
            id: "e".to_owned(),
            engine: "e".to_owned(),
            version: "1".to_owned(),
            build_ref: None,
            digest: None,
            build_flags: None,
            artifacts: vec!["server".into()],
            created_ms: 0,
        })
        .unwrap();
    // A lease of a model that names the same file, and is gone before the engine is.
    models.put(&entry("m", "server")).unwrap();
    let lease = models.lease("m").unwrap();
    assert!(models.delete("m").unwrap());
    assert_eq!(engines.delete("e").unwrap_err().code(), "artifact_kept");
    assert!(file.exists() && engines.list().unwrap().is_empty());
    drop(lease);
    let done = collect(&models);
    assert_eq!(done.removed, [Removable::Deleted(file.clone())]);
    assert!(!file.exists());
}

/// CAT-891
#[test]
fn a_put_of_the_path_or_of_one_above_or_below_keeps_what_lies_there() {
    for (deleted, put) in [
        ("d/e/m", "d/e/m"),
        ("d/e/m", "d/e"),
        ("d/e/m", "d"),
        ("d/e", "d/e/m"),
        ("d", "d/e/m"),
    ] {
        for is_planned_before in [false, true] {
            let what = format!("{deleted} deleted, {put} put, planned: {is_planned_before}");
            let folder = tempfile::tempdir().unwrap();
            let (catalog, file) = with_refused_deletion(folder.path(), deleted);
            let planned = plan(&catalog);
            let reasons: Vec<_> = planned.removals.iter().map(|r| r.reason).collect();
            assert_eq!(reasons, [RemovalReason::Deleted], "{what}");
            catalog.put(&entry("new", put)).unwrap();
            assert!(!has_tombstones(&catalog), "{what}");
            if is_planned_before {
                assert_eq!(catalog.collect(&planned).unwrap().removed, [], "{what}");
            } else {
                assert_eq!(collect(&catalog).removed, [], "{what}");
            }
            assert_eq!(fs::read_to_string(&file).unwrap(), "old", "{what}");
        }
    }
    // Its namesake beside it is another path.
    let folder = tempfile::tempdir().unwrap();
    let (catalog, file) = with_refused_deletion(folder.path(), "d/e/m");
    catalog.put(&entry("new", "d/e/m2")).unwrap();
    assert_eq!(collect(&catalog).removed.len(), 1);
    assert!(!file.exists());
}

/// CAT-891
#[test]
fn an_engine_that_names_the_path_keeps_what_lies_there() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, file) = with_refused_deletion(folder.path(), "d/e/m");
    let planned = plan(&catalog);
    let engines = FsEngineStore::new(catalog.root()).unwrap();
    engines
        .put(&EngineEntry {
            id: "e".to_owned(),
            engine: "e".to_owned(),
            version: "1".to_owned(),
            build_ref: None,
            digest: None,
            build_flags: None,
            artifacts: vec!["d/e".into()],
            created_ms: 0,
        })
        .unwrap();
    assert_eq!(catalog.collect(&planned).unwrap().removed, []);
    assert_eq!(collect(&catalog).removed, []);
    assert!(file.exists());
}

/// CAT-891
#[test]
fn a_recovery_keeps_what_lies_at_a_deleted_path() {
    let folder = tempfile::tempdir().unwrap();
    let (catalog, file) = with_refused_deletion(folder.path(), "d/e/m");
    // The mark is in the generation before; the entry that was put since is lost.
    catalog.put(&entry("new", "d/e/m")).unwrap();
    let index = catalog.root().join("index.json");
    fs::write(&index, "{").unwrap();
    assert!(recover(catalog.root()).unwrap().models.was_damaged);
    assert_eq!(catalog.get("new").unwrap(), None);
    assert_eq!(collect(&catalog).removed, []);
    assert!(file.exists());
}

/// CAT-892
#[test]
fn a_file_that_somebody_replaced_or_changed_since_it_was_deleted_is_kept() {
    type Change<'c> = (&'static str, &'c dyn Fn(&Path));
    let changes: [Change<'_>; 3] = [
        ("replaced", &|file| {
            let other = file.with_file_name("other");
            fs::write(&other, "new").unwrap();
            fs::rename(&other, file).unwrap();
        }),
        ("appended to", &|file| {
            fs::write(file, "old and new").unwrap()
        }),
        ("a folder by now", &|file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
            fs::write(file.join("m"), "new").unwrap();
        }),
    ];
    for (what, change) in changes {
        for is_planned_before in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let (catalog, file) = with_refused_deletion(folder.path(), "d/e/m");
            let planned = plan(&catalog);
            change(&file);
            let before = state_of(&catalog.root().join("d"));
            if is_planned_before {
                assert_eq!(catalog.collect(&planned).unwrap().removed, [], "{what}");
                assert!(!has_tombstones(&catalog), "{what}: no mark of it is left");
            }
            assert_eq!(plan(&catalog).removals, [], "{what}");
            assert_eq!(collect(&catalog).removed, [], "{what}");
            assert_eq!(state_of(&catalog.root().join("d")), before, "{what}");
        }
    }
}

/// CAT-893
#[test]
fn what_a_killed_deletion_left_goes_with_the_next_collection() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let kept = import(&catalog, folder.path(), "kept");
    // Killed between the rename and the unlinking.
    let removed = catalog.root().join("removed");
    fs::create_dir_all(removed.join("12-34/files")).unwrap();
    fs::write(removed.join("12-34/files/m"), [1; 9000]).unwrap();
    fs::write(removed.join("56-78"), [1; 9000]).unwrap();
    // Killed between the write of the index and the rename.
    let file = catalog.root().join("m");
    fs::write(&file, "deleted").unwrap();
    let stat = fs::metadata(&file).unwrap();
    let index = fs::read_to_string(catalog.root().join("index.json")).unwrap();
    let line = index.lines().nth(1).unwrap();
    let line = &line[..line.rfind(",\"sum\"").unwrap()];
    let head = format!(
        "{{\"version\":2,\"generation\":9,\"tombstones\":[{{\"path\":\"m\",\"inode\":{},\"size\":{},\
         \"modified\":[{},{}],\"changed\":[{},{}]}}],\"entries\":{{",
        stat.ino(),
        stat.size(),
        stat.mtime(),
        stat.mtime_nsec(),
        stat.ctime(),
        stat.ctime_nsec()
    );
    fs::write(catalog.root().join("index.json"), sealed(&head, &[line])).unwrap();
    assert_eq!(catalog.list().unwrap(), std::slice::from_ref(&kept));

    let planned = plan(&catalog);
    let mut whats: Vec<Removable> = planned.removals.iter().map(|r| r.what.clone()).collect();
    whats.sort();
    let expected = [removed.join("12-34"), removed.join("56-78"), file.clone()];
    let mut expected = expected.map(Removable::Deleted);
    expected.sort();
    assert_eq!(whats, expected);
    let done = catalog.collect(&planned).unwrap();
    assert!(done.spared.is_empty(), "{done:?}");
    assert_eq!(done.freed, planned.reclaimable_bytes());
    assert!(done.freed >= 18_000);
    assert_eq!(names_in(&removed), [""; 0]);
    assert!(!file.exists() && kept.local_path.exists());
    assert_eq!(plan(&catalog).removals, []);
}

/// CAT-894
#[test]
fn deleting_an_outside_entry_touches_nothing_but_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("m"), "x").unwrap();
    catalog.put(&entry("folder", &outside)).unwrap();
    catalog.put(&entry("file", outside.join("m"))).unwrap();
    catalog.put(&entry("gone", outside.join("gone"))).unwrap();
    let before = (state_of(&outside), names_in(catalog.root()));
    let lease = catalog.lease("file").unwrap();
    for id in ["folder", "file", "gone"] {
        assert!(catalog.delete(id).unwrap(), "{id}");
        assert!(!has_tombstones(&catalog), "{id}");
    }
    drop(lease);
    assert_eq!((state_of(&outside), names_in(catalog.root())), before);
    assert_eq!(plan(&catalog).removals, []);
}

/// CAT-895
#[test]
fn the_mark_of_a_deletion_goes_with_the_next_write_of_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    import(&catalog, folder.path(), "managed");
    fs::write(catalog.root().join("own"), "x").unwrap();
    catalog.put(&entry("own", "own")).unwrap();
    let other = FsCatalog::new(catalog.root()).unwrap();
    for id in ["managed", "own"] {
        assert!(catalog.delete(id).unwrap());
        assert!(
            has_tombstones(&catalog),
            "{id}: the entry and the mark change at once"
        );
        assert_eq!(names_in(&catalog.root().join("removed")), [""; 0]);
        other.put(&entry("next", id)).unwrap();
        assert!(!has_tombstones(&catalog), "{id}");
    }
    // What is still there keeps its mark through any number of writes.
    let (catalog, file) = with_refused_deletion(folder.path(), "d/e/m");
    for number in 0..3 {
        catalog.put(&entry(&number.to_string(), "other")).unwrap();
        assert!(has_tombstones(&catalog));
    }
    assert!(file.exists());
}

/// CAT-886
#[test]
fn one_collection_removes_what_was_moved_aside_with_its_blobs() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let model = import(&catalog, folder.path(), "managed").local_path;
    let artifact = model.ancestors().nth(2).unwrap();
    // A deletion that ended once the artifact was moved aside.
    catalog.update(|edit| Ok(edit.forget("managed"))).unwrap();
    fs::rename(artifact, catalog.root().join("removed/aside")).unwrap();
    let planned = plan(&catalog).reclaimable_bytes();
    let done = collect(&catalog);
    assert_eq!(done.freed, planned);
    assert!(done.freed > 0);
    assert_eq!(names_in(&catalog.root().join("removed")), [""; 0]);
    assert!(plan(&catalog).removals.is_empty(), "nothing is left");
}
