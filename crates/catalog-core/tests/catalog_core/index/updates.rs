//! Updates of several entries, of one thread and of many.

use catalog_core::{CatalogStore, EngineStore, Expected, FsCatalog, FsEngineStore, LifecycleState};

use crate::util::{engine, entry, identity};

/// CAT-450
#[test]
fn an_update_is_all_or_nothing() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    catalog.put(&entry("old", "m")).unwrap();
    let before = identity(&root.path().join("index.json"));
    let refused = catalog.update(|edit| {
        edit.put(&entry("new", "n"))?;
        assert!(edit.forget("old"));
        assert_eq!(edit.get("old"), None);
        edit.set_state("missing", LifecycleState::Retired)
    });
    assert_eq!(refused.unwrap_err().code(), "not_found");
    assert_eq!(identity(&root.path().join("index.json")), before);
    assert_eq!(catalog.list().unwrap().len(), 1);

    let generation = catalog.snapshot().unwrap().generation();
    let answer = catalog.update(|edit| {
        edit.put_if(&entry("a", "a"), Expected::Absent)?;
        edit.put(&entry("b", "b"))?;
        edit.forget("old");
        Ok(edit.get("a").is_some())
    });
    assert!(answer.unwrap());
    assert_eq!(
        catalog.snapshot().unwrap().generation(),
        generation + 1,
        "one write"
    );
    assert_eq!(catalog.list().unwrap().len(), 2);

    let before = identity(&root.path().join("index.json"));
    catalog
        .update(|edit| {
            edit.put(&entry("c", "c"))?;
            edit.forget("c");
            edit.set_state("a", LifecycleState::Retired)?;
            edit.set_state("a", LifecycleState::Active)
        })
        .unwrap();
    assert_eq!(
        identity(&root.path().join("index.json")),
        before,
        "it comes to nothing"
    );
}

/// CAT-450
#[test]
fn engines_are_updated_all_or_nothing_too() {
    let root = tempfile::tempdir().unwrap();
    let engines = FsEngineStore::new(root.path()).unwrap();
    engines.put(&engine("a")).unwrap();
    let refused = engines.update(|edit| {
        assert!(edit.forget("a") && edit.get("a").is_none());
        edit.put_if(&engine("b"), Expected::Present)
    });
    assert_eq!(refused.unwrap_err().code(), "conflict");
    assert_eq!(engines.list().unwrap(), [engine("a")]);
    engines
        .update(|edit| edit.put_if(&engine("b"), Expected::Absent))
        .unwrap();
    assert_eq!(engines.snapshot().unwrap().len(), 2);
}

/// CAT-451
#[test]
fn threads_of_one_store_share_writes_and_each_change_stands_alone() {
    const THREADS: usize = 16;
    const CHANGES: usize = 40;
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let catalog = &catalog;
            scope.spawn(move || {
                for number in 0..CHANGES {
                    let id = format!("{thread}/{number}");
                    match number % 4 {
                        2 => {
                            let refused = catalog.update(|edit| {
                                edit.put(&entry(&id, "m"))?;
                                edit.put(&entry("", "m"))
                            });
                            assert_eq!(refused.unwrap_err().code(), "invalid_entry");
                        }
                        3 => {
                            let panicked = std::panic::catch_unwind(|| {
                                catalog.update::<()>(|edit| {
                                    edit.put(&entry(&id, "m")).unwrap();
                                    panic!("a change of its user's panics")
                                })
                            });
                            assert!(panicked.is_err());
                        }
                        _ => {
                            catalog.put(&entry(&id, "m")).unwrap();
                            assert!(catalog.get(&id).unwrap().is_some(), "own writes are read");
                        }
                    }
                }
            });
        }
    });
    std::panic::set_hook(hook);
    let snapshot = catalog.snapshot().unwrap();
    assert_eq!(
        snapshot.len(),
        THREADS * CHANGES / 2,
        "what failed left nothing"
    );
    let changes = (THREADS * CHANGES / 2) as u64;
    assert!(
        snapshot.generation() < changes,
        "{changes} changes took {} writes",
        snapshot.generation()
    );
    let again = FsCatalog::new(root.path()).unwrap();
    assert_eq!(again.list().unwrap(), catalog.list().unwrap());
}
