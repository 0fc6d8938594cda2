//! Writes from within an `update` closure.

use std::fs;
use std::io::Write;
use std::time::Duration;

use catalog_core::{
    CatalogStore, EngineStore, FsCatalog, FsEngineStore, ImportRequest, LifecycleState,
    StoreOptions, rebuild, recover,
};

use crate::util::{engine, entry, model_id};

type Outcomes = Vec<(&'static str, catalog_core::Result<()>)>;

/// Every kind of write, by its name.
fn writes(catalog: &FsCatalog, engines: &FsEngineStore, source: &std::path::Path) -> Outcomes {
    let wanted = model_id("imported");
    let request = ImportRequest::new(&wanted, source);
    vec![
        ("put", catalog.put(&entry("new", "m"))),
        ("set_state", catalog.set_state("m", LifecycleState::Retired)),
        ("delete", catalog.delete("m").map(drop)),
        (
            "update",
            catalog.update(|edit| edit.put(&entry("new", "m"))),
        ),
        ("pin", catalog.pin(&model_id("m"), "me", "needed")),
        ("unpin", catalog.unpin(&model_id("m"), "me").map(drop)),
        (
            "stage",
            catalog.artifacts().stage(&model_id("staged"), 0).map(drop),
        ),
        (
            "import",
            catalog.import(&request, &mut |_| Ok(())).map(drop),
        ),
        ("engine put", engines.put(&engine("new"))),
        ("engine delete", engines.delete("e").map(drop)),
        ("recover", recover(catalog.root()).map(drop)),
        ("rebuild", rebuild(catalog.root()).map(drop)),
    ]
}

/// CAT-476
#[test]
fn a_write_inside_an_update_of_the_same_thread_is_an_error_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source.bin");
    fs::write(&source, "weights").unwrap();
    for is_used_before in [false, true] {
        let root = folder.path().join(format!("root-{is_used_before}"));
        let catalog = FsCatalog::new(&root).unwrap();
        let other = FsCatalog::new(&root).unwrap();
        let engines = FsEngineStore::new(&root).unwrap();
        catalog.put(&entry("m", "m")).unwrap();
        engines.put(&engine("e")).unwrap();
        if is_used_before {
            other.pin(&model_id("m"), "me", "needed").unwrap();
            drop(other.artifacts().stage(&model_id("staged"), 0).unwrap());
        }
        let before = (other.pins().unwrap(), engines.list().unwrap());
        let are_refused = |catalog: &FsCatalog| {
            for (write, outcome) in writes(catalog, &engines, &source) {
                let error = outcome.expect_err(write);
                assert_eq!(error.code(), "nested_write", "{write}: {error}");
                assert!(!error.is_retryable(), "{write}");
            }
        };
        catalog
            .update(|edit| {
                are_refused(&catalog);
                are_refused(&other);
                assert_eq!(other.list().unwrap().len(), 1, "reading is allowed");
                edit.put(&entry("outer", "m"))
            })
            .unwrap();
        engines
            .update(|edit| {
                are_refused(&catalog);
                are_refused(&other);
                edit.put(&engine("outer"))
            })
            .unwrap();
        let ids: Vec<String> = other.list().unwrap().into_iter().map(|e| e.id).collect();
        assert_eq!(ids, ["m", "outer"]);
        assert_eq!(engines.list().unwrap().len(), before.1.len() + 1);
        assert_eq!(other.pins().unwrap(), before.0);
        // Nothing of them is left: each works afterwards.
        other.put(&entry("after", "m")).unwrap();
    }
}

/// CAT-476
#[test]
fn a_staging_that_was_begun_before_an_update_is_not_published_in_it() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let mut staging = catalog.artifacts().stage(&model_id("id"), 0).unwrap();
    let mut file = staging.create("m.bin").unwrap();
    file.write_all(b"weights").unwrap();
    file.finish().unwrap();
    let verified = staging
        .verify(&Default::default(), &mut |_| Ok(()))
        .unwrap();
    let mut verified = Some(verified);
    catalog
        .update(|edit| {
            let published = verified.take().unwrap().publish();
            assert_eq!(published.unwrap_err().code(), "nested_write");
            edit.put(&entry("outer", "m"))
        })
        .unwrap();
    assert_eq!(catalog.list().unwrap().len(), 1);
}

/// CAT-476
#[test]
fn a_write_to_another_root_inside_an_update_is_none_of_its_business() {
    let folder = tempfile::tempdir().unwrap();
    let one = FsCatalog::new(folder.path().join("one")).unwrap();
    let two = FsCatalog::new(folder.path().join("two")).unwrap();
    let refused = one.update(|edit| {
        two.put(&entry("inner", "m"))?;
        edit.set_state("missing", LifecycleState::Active)
    });
    assert_eq!(refused.unwrap_err().code(), "not_found");
    assert_eq!(two.list().unwrap().len(), 1);
    // An update that failed or panicked has ended.
    one.put(&entry("m", "m")).unwrap();
    let panicked = std::panic::catch_unwind(|| one.update::<()>(|_| panic!("a caller's")));
    assert!(panicked.is_err());
    one.put(&entry("n", "m")).unwrap();
}

/// CAT-476
#[test]
fn a_write_of_another_thread_inside_an_update_waits_in_vain_and_the_update_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let options = StoreOptions::default().lock_wait(Duration::from_millis(200));
    let catalog = FsCatalog::open(&root, options).unwrap();
    let other = FsCatalog::open(&root, options).unwrap();
    let engines = FsEngineStore::open(&root, options).unwrap();
    catalog.put(&entry("m", "m")).unwrap();
    let begun = std::time::Instant::now();
    catalog
        .update(|edit| {
            std::thread::scope(|scope| {
                let waiters = [
                    scope.spawn(|| catalog.put(&entry("same", "m"))),
                    scope.spawn(|| other.put(&entry("other", "m"))),
                    scope.spawn(|| other.pin(&model_id("m"), "me", "needed")),
                    scope.spawn(|| engines.put(&engine("e"))),
                ];
                for waiter in waiters {
                    let error = waiter.join().unwrap().unwrap_err();
                    assert_eq!(error.code(), "lock_timeout", "{error}");
                }
            });
            edit.put(&entry("outer", "m"))
        })
        .unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(200), "they waited");
    let ids: Vec<String> = other.list().unwrap().into_iter().map(|e| e.id).collect();
    assert_eq!(ids, ["m", "outer"]);
    other.put(&entry("other", "m")).unwrap();
}
