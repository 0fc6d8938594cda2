//! Writers that share a root, and the files that they leave.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use catalog_core::{CatalogError, CatalogStore, FsCatalog, Locking, StoreOptions};

use crate::util::{as_unprivileged, entry, names_in};

fn impatient(root: &Path) -> FsCatalog {
    let options = StoreOptions::default().lock_wait(Duration::from_millis(20));
    FsCatalog::open(root, options).unwrap()
}

/// CAT-452
#[test]
fn a_writer_that_waits_too_long_is_told_who_holds_the_lock() {
    let root = tempfile::tempdir().unwrap();
    let holder = FsCatalog::new(root.path()).unwrap();
    let waiter = impatient(root.path());
    holder
        .update(|edit| {
            let wait = || waiter.put(&entry("id", "m")).unwrap_err();
            let error = std::thread::scope(|scope| scope.spawn(wait).join().unwrap());
            let CatalogError::LockTimeout { holder, waited, .. } = &error else {
                panic!("{error}")
            };
            assert!(
                holder.contains(&format!("process {}", std::process::id())),
                "{error}"
            );
            assert!(*waited >= Duration::from_millis(20), "{error}");
            assert!(error.is_retryable());
            assert_eq!(waiter.list().unwrap(), [], "readers never wait");
            edit.put(&entry("held", "m"))
        })
        .unwrap();
    waiter.put(&entry("id", "m")).unwrap();
    assert_eq!(holder.list().unwrap().len(), 2);
}

/// CAT-452
#[test]
fn a_thread_that_waits_too_long_for_another_hinders_nobody_later() {
    let root = tempfile::tempdir().unwrap();
    let catalog = impatient(root.path());
    catalog
        .update(|edit| {
            let waiter = || catalog.put(&entry("id", "m")).unwrap_err();
            let waited = std::thread::scope(|scope| scope.spawn(waiter).join().unwrap());
            assert_eq!(waited.code(), "lock_timeout");
            assert!(waited.to_string().contains("other threads"), "{waited}");
            edit.put(&entry("held", "m"))
        })
        .unwrap();
    catalog.put(&entry("id", "m")).unwrap();
    assert_eq!(catalog.list().unwrap().len(), 2);
}

/// CAT-453
#[test]
fn what_writers_that_died_left_is_removed_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    catalog.put(&entry("id", "m")).unwrap();
    let left = [
        ".index.json.new",
        ".index.json.old",
        ".engines.json.new",
        ".engines.json.old",
    ];
    let kept = [
        "model.tmp",
        ".hidden.new",
        "index.json.new",
        ".index.json.newer",
    ];
    let leave = || {
        for name in left.iter().chain(&kept) {
            fs::write(root.path().join(name), "half an ind").unwrap();
        }
    };
    let is_clean = || {
        let names = names_in(root.path());
        assert!(
            kept.iter()
                .all(|name| names.iter().any(|found| found == name))
        );
        left.iter()
            .all(|name| names.iter().all(|found| found != name))
    };

    leave();
    let new_handle = FsCatalog::new(root.path()).unwrap();
    assert!(!is_clean(), "reading changes nothing");
    new_handle.put(&entry("a", "m")).unwrap();
    assert!(is_clean(), "a new handle's first write removes them");

    leave();
    // As a holder that dies leaves it.
    fs::write(root.path().join("locks/index.lock"), "1 0 killed\n").unwrap();
    catalog.put(&entry("b", "m")).unwrap();
    assert!(
        !root.path().join(".index.json.new").exists(),
        "a writer that needs the name removes what has it"
    );
    FsCatalog::new(root.path())
        .unwrap()
        .put(&entry("c", "m"))
        .unwrap();
    assert!(
        is_clean(),
        "the next handle's first write removes the others"
    );
    assert_eq!(fs::read(root.path().join("locks/index.lock")).unwrap(), b"");
}

/// CAT-454
#[test]
fn a_root_that_is_only_readable_is_read_and_refuses_writes() {
    as_unprivileged(
        "index::writing::a_root_that_is_only_readable_is_read_and_refuses_writes",
        || {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("root");
            let writable = FsCatalog::new(&root).unwrap();
            writable.put(&entry("id", "m")).unwrap();
            let chmod = |path: &str, mode| {
                fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode)).unwrap();
            };
            let put = |catalog: &FsCatalog| catalog.put(&entry("new", "m")).unwrap_err();

            chmod("", 0o555);
            let catalog = FsCatalog::new(&root).unwrap();
            assert_eq!(catalog.list().unwrap().len(), 1);
            assert_eq!(put(&catalog).code(), "not_writable", "the folder");
            chmod("locks/index.lock", 0o444);
            assert_eq!(put(&catalog).code(), "not_writable", "the lock");
            chmod("locks", 0o000);
            assert_eq!(put(&catalog).code(), "not_writable", "the folder of locks");
            assert_eq!(catalog.get("id").unwrap().unwrap().id, "id");
            chmod("locks", 0o755);
            chmod("locks/index.lock", 0o644);
            chmod("", 0o755);
            catalog.put(&entry("new", "m")).unwrap();

            let never = FsCatalog::new(root.join("locks/index.lock/x")).unwrap_err();
            assert_eq!(never.code(), "io");
        },
    );
}

/// CAT-455
#[test]
fn in_single_process_mode_the_handles_of_a_process_lose_nothing() {
    let root = tempfile::tempdir().unwrap();
    let options = StoreOptions::default().locking(Locking::SingleProcess);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let root = root.path();
            scope.spawn(move || {
                let catalog = FsCatalog::open(root, options).unwrap();
                for number in 0..10 {
                    catalog
                        .put(&entry(&format!("{writer}/{number}"), "m"))
                        .unwrap();
                }
            });
        }
    });
    let catalog = FsCatalog::open(root.path(), options).unwrap();
    assert_eq!(catalog.list().unwrap().len(), 40);
    let kernel = FsCatalog::new(root.path()).unwrap();
    catalog
        .update(|edit| {
            std::thread::scope(|scope| {
                let put = scope.spawn(|| kernel.put(&entry("kernel", "m")));
                put.join().unwrap().unwrap();
            });
            edit.put(&entry("process", "m"))
        })
        .unwrap();
    assert_eq!(
        catalog.get("kernel").unwrap(),
        None,
        "it takes no lock of the kernel, as it says"
    );
}

/// CAT-456
#[test]
fn a_snapshot_never_changes_and_serialises_alike_wherever_the_root_is() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let json = |root: &Path| {
        let catalog = FsCatalog::new(root).unwrap();
        assert_eq!(catalog.snapshot().unwrap().generation(), 0);
        assert!(catalog.snapshot().unwrap().is_empty());
        catalog.put(&entry("b", "models/b")).unwrap();
        catalog.put(&entry("a", "/srv/a")).unwrap();
        let snapshot = catalog.snapshot().unwrap();
        catalog.delete("a").unwrap();
        assert_eq!((snapshot.generation(), snapshot.len()), (2, 2));
        assert_eq!(
            snapshot.get("b").unwrap().local_path,
            catalog.root().join("models/b")
        );
        let ids: Vec<String> = snapshot.iter().map(|entry| entry.id).collect();
        assert_eq!(ids, ["a", "b"]);
        serde_json::to_string(&snapshot).unwrap()
    };
    let first = json(a.path());
    assert_eq!(first, json(b.path()));
    assert!(
        first.starts_with("{\"version\":2,\"generation\":2,\"entries\":{\"a\":{"),
        "{first}"
    );
}

/// CAT-452
#[test]
fn each_thread_that_waits_too_long_is_told_of_the_other_process_that_has_the_lock() {
    let root = tempfile::tempdir().unwrap();
    let catalog = impatient(root.path());
    let id = "id".parse().unwrap();
    drop(catalog.artifacts().stage(&id, 0).unwrap());
    // As another process does.
    let lock = root.path().join("locks/artifacts.lock");
    fs::write(&lock, "4711 1 other\n").unwrap();
    let held = fs::File::open(&lock).unwrap();
    held.lock().unwrap();
    let stage = || catalog.artifacts().stage(&id, 0).unwrap_err();
    let errors: Vec<CatalogError> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(stage)).collect();
        let errors = threads.into_iter().map(|thread| thread.join().unwrap());
        errors.collect()
    });
    for error in errors {
        assert_eq!(error.code(), "lock_timeout");
        assert!(
            error.to_string().contains("process 4711 (other)"),
            "{error}"
        );
    }
}
