//! Calls with a deadline or a cancel token, beside a holder of the locks.

use std::fs::{self, File};
use std::time::Duration;

use catalog_core::maintenance::CollectionPolicy;
use catalog_core::{
    CancelToken, CatalogStore, EngineStore, Expected, FsCatalog, FsEngineStore, ImportRequest,
    LifecycleState, Limits,
};

use crate::util::{engine, entry, model_id};

/// Asserts that each call that waits for a lock fails with one of the codes.
fn fails_beside_a_holder(limits: &dyn Fn() -> Limits, codes: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source.bin");
    fs::write(&source, "weights").unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let engines = FsEngineStore::new(catalog.root()).unwrap();
    let import = |catalog: &FsCatalog, id: &str| {
        catalog.import(&ImportRequest::new(&model_id(id), &source), &mut |_| Ok(()))
    };
    let managed = import(&catalog, "managed").unwrap();
    catalog.pin(&model_id("managed"), "me", "needed").unwrap();
    import(&catalog, "loose").unwrap();
    catalog.update(|edit| Ok(edit.forget("loose"))).unwrap();
    engines.put(&engine("e")).unwrap();
    let artifact = catalog.artifacts().stage(&model_id("staged"), 0).unwrap();
    drop(artifact);
    let plan = catalog
        .plan_collection(&CollectionPolicy::default())
        .unwrap();
    assert_eq!(plan.removals.len(), 1);
    let before = (catalog.list().unwrap(), engines.list().unwrap());

    let locks: Vec<File> = ["index", "artifacts"]
        .iter()
        .map(|name| {
            let path = catalog.root().join(format!("locks/{name}.lock"));
            let file = File::options().read(true).write(true).open(path).unwrap();
            file.lock().unwrap();
            file
        })
        .collect();
    // Each call gets limits of its own, as a deadline is a point in time.
    type Call<'c> = (
        &'static str,
        &'c dyn Fn(FsCatalog, FsEngineStore) -> catalog_core::Result<()>,
    );
    let calls: [Call<'_>; 13] = [
        ("put", &|c, _| c.put(&entry("new", "m"))),
        ("put_if", &|c, _| c.put_if(&managed, Expected::Present)),
        ("set_state", &|c, _| {
            c.set_state("managed", LifecycleState::Retired)
        }),
        ("delete", &|c, _| c.delete("managed").map(drop)),
        ("update", &|c, _| c.update(|_| Ok(()))),
        ("pin", &|c, _| c.pin(&model_id("managed"), "other", "")),
        ("unpin", &|c, _| {
            c.unpin(&model_id("managed"), "me").map(drop)
        }),
        ("stage", &|c, _| {
            c.artifacts().stage(&model_id("staged"), 0).map(drop)
        }),
        ("import", &|c, _| import(&c, "imported").map(drop)),
        ("collect", &|c, _| c.collect(&plan).map(drop)),
        ("engine put", &|_, e| e.put(&engine("new"))),
        ("engine delete", &|_, e| e.delete("e").map(drop)),
        ("engine update", &|_, e| e.update(|_| Ok(()))),
    ];
    for (name, call) in calls {
        let limits = limits();
        let outcome = call(
            catalog.with_limits(limits.clone()),
            engines.with_limits(limits),
        );
        let error = outcome.expect_err(name);
        assert!(codes.contains(&error.code()), "{name}: {error}");
    }
    assert_eq!(catalog.list().unwrap(), before.0, "readers never wait");
    assert_eq!(engines.list().unwrap(), before.1);
    drop(locks);

    // Nothing is left of them, and the handle without limits works.
    catalog.put(&entry("new", "m")).unwrap();
    assert_eq!(catalog.collect(&plan).unwrap().removed.len(), 1);
    assert!(managed.local_path.exists());
    let staged = fs::read_dir(catalog.root().join("staging")).unwrap();
    assert_eq!(staged.count(), 0);

    let manifest = managed.local_path.parent().unwrap();
    let manifest = File::open(manifest.with_file_name("manifest.json")).unwrap();
    manifest.lock().unwrap();
    let error = catalog.with_limits(limits()).lease("managed").unwrap_err();
    let is_typed = codes.contains(&error.code()) || error.code() == "in_use";
    assert!(is_typed, "lease: {error}");
    drop(manifest);
    drop(catalog.lease("managed").unwrap());
}

/// CAT-477
#[test]
fn a_deadline_ends_every_wait_for_a_lock() {
    fails_beside_a_holder(
        &|| Limits::timeout(Duration::from_millis(100)),
        &["lock_timeout", "deadline_exceeded"],
    );
}

/// CAT-477
#[test]
fn a_cancelled_token_ends_every_wait_for_a_lock() {
    let token = CancelToken::new();
    token.cancel();
    fails_beside_a_holder(&|| Limits::none().cancelled_by(&token), &["cancelled"]);
}

/// CAT-477
#[test]
fn a_token_that_is_cancelled_meanwhile_ends_the_wait() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    catalog.put(&entry("m", "m")).unwrap();
    let token = CancelToken::new();
    let limited = catalog.with_limits(Limits::none().cancelled_by(&token));
    // The second one waits for this thread's update, not for the lock of another handle.
    for waiter in [FsCatalog::new(root.path()).unwrap(), catalog.clone()] {
        let token = CancelToken::new();
        let waiter = waiter.with_limits(Limits::none().cancelled_by(&token));
        catalog
            .update(|edit| {
                std::thread::scope(|scope| {
                    let put = scope.spawn(|| waiter.put(&entry("new", "m")));
                    token.cancel();
                    assert_eq!(put.join().unwrap().unwrap_err().code(), "cancelled");
                });
                edit.put(&entry("outer", "m"))
            })
            .unwrap();
    }
    assert_eq!(
        limited.list().unwrap().len(),
        2,
        "a token that nobody cancels stops nothing"
    );
    limited.put(&entry("after", "m")).unwrap();
}
