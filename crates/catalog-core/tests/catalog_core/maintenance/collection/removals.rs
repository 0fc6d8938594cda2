//! The files that a collection removes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use catalog_core::maintenance::{CollectionPolicy, Evict, RemovalReason};
use catalog_core::{CatalogEntry, CatalogStore, FsCatalog, Import, ImportRequest, LifecycleState};

use super::{collect, ids, import, space, was_used};
use crate::util::{entry, model_id, names_in, state_of};

/// CAT-880
#[test]
fn what_nobody_needs_goes_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let kept = import(&catalog, "kept", b"kept");
    let loose = import(&catalog, "loose", &[7; 10_000]);
    catalog.update(|edit| Ok(edit.forget("loose"))).unwrap();
    // What killed processes leave.
    fs::create_dir_all(root.path().join("staging/dead/artifact/files")).unwrap();
    fs::write(
        root.path().join("staging/dead/artifact/files/x"),
        [1; 5_000],
    )
    .unwrap();
    let orphan = "ab".repeat(32);
    fs::create_dir_all(root.path().join("blobs/sha256/ab")).unwrap();
    fs::write(
        root.path().join("blobs/sha256/ab").join(&orphan),
        [1; 9_000],
    )
    .unwrap();
    // What lives, and what is not the store's.
    let staging = catalog.artifacts().stage(&model_id("living"), 0).unwrap();
    fs::create_dir_all(root.path().join("artifacts/own")).unwrap();
    fs::write(root.path().join("artifacts/own/m"), "own").unwrap();

    let before = state_of(root.path());
    let plan = catalog
        .plan_collection(&CollectionPolicy::default())
        .unwrap();
    assert_eq!(state_of(root.path()), before, "a plan changes nothing");
    let reasons: Vec<RemovalReason> = plan.removals.iter().map(|r| r.reason).collect();
    assert_eq!(
        reasons,
        [
            RemovalReason::Abandoned,
            RemovalReason::Unreferenced,
            RemovalReason::Unreferenced
        ]
    );
    let staged = space(&root.path().join("staging/dead"));
    let blobs = space(&root.path().join("blobs"));
    let done = catalog.collect(&plan).unwrap();
    assert_eq!(done.removed.len(), 3);
    let freed = staged + blobs - space(&root.path().join("blobs"));
    assert_eq!(done.freed, freed);
    assert_eq!(done.freed, plan.reclaimable_bytes());
    assert!(staged > 0 && freed > staged);
    assert!(kept.local_path.exists() && !loose.local_path.exists());
    assert!(staging.folder().exists() && root.path().join("artifacts/own/m").exists());
    assert_eq!(names_in(&root.path().join("staging")).len(), 1);
    let (again, _) = collect(&catalog, CollectionPolicy::default());
    assert_eq!(again.removals, [], "nothing is left");
}

/// CAT-885
#[test]
fn artifacts_that_nobody_registered_go_without_a_write_of_the_index() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let kept = import(&catalog, "kept", b"kept");
    let source = tempfile::NamedTempFile::new().unwrap();
    for id in ["a", "b", "c"] {
        let id = model_id(id);
        let mut request = ImportRequest::new(&id, source.path());
        request.how = Import::Copy;
        let published = catalog.artifacts().import(&request, &mut |_| Ok(()));
        drop(published.unwrap());
    }
    assert_eq!(names_in(&root.path().join("artifacts")).len(), 4);
    let index = fs::read(root.path().join("index.json")).unwrap();
    let (plan, done) = collect(&catalog, CollectionPolicy::default());
    assert_eq!(done.removed.len(), 3, "{done:?}");
    assert_eq!(done.freed, plan.reclaimable_bytes());
    assert_eq!(names_in(&root.path().join("artifacts")).len(), 1);
    assert!(names_in(&root.path().join("removed")).is_empty());
    assert_eq!(fs::read(root.path().join("index.json")).unwrap(), index);
    assert!(kept.local_path.exists());
}

/// CAT-882
#[test]
fn the_least_recently_used_goes_first_and_active_ones_only_if_asked() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    const SIZE: usize = 1 << 20;
    for (number, id) in ["a", "b", "c", "d"].into_iter().enumerate() {
        import(&catalog, id, &[number as u8 + 1; SIZE]);
    }
    for (number, id) in ["c", "a", "d", "b"].into_iter().enumerate() {
        was_used(
            &catalog,
            id,
            Duration::from_secs(86_400 * (9 - number as u64)),
        );
    }
    catalog.set_state("a", LifecycleState::Retired).unwrap();
    let policy = |budget: usize, evict| {
        CollectionPolicy::default()
            .budget(budget as u64)
            .evict(evict)
    };
    let planned = |policy| ids(&catalog.plan_collection(&policy).unwrap());
    // Manifests and claims take some blocks.
    let some = SIZE / 4;
    assert!(planned(policy(4 * SIZE + some, Evict::Any)).is_empty());
    assert_eq!(planned(policy(SIZE + some, Evict::Retired)), ["a"]);
    assert_eq!(planned(policy(2 * SIZE + some, Evict::Any)), ["a", "c"]);
    assert_eq!(planned(policy(some, Evict::Any)), ["a", "c", "d", "b"]);

    let (plan, done) = collect(&catalog, policy(2 * SIZE + some, Evict::Any));
    assert_eq!(plan.reclaimable_bytes(), 2 * SIZE as u64);
    assert_eq!(done.freed, 2 * SIZE as u64);
    let left: Vec<String> = catalog.list().unwrap().into_iter().map(|e| e.id).collect();
    assert_eq!(left, ["b", "d"]);
}

/// CAT-883
#[test]
fn freed_bytes_are_those_that_no_link_keeps() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let shared = import(&catalog, "a", &[1; 100_000]);
    import(&catalog, "b", &[1; 100_000]);
    let taken = fs::metadata(&shared.local_path).unwrap().blocks() * 512;
    let frees = || {
        let plan = catalog
            .plan_collection(&CollectionPolicy::default())
            .unwrap();
        plan.removals.iter().map(|r| r.frees).collect::<Vec<u64>>()
    };
    catalog.update(|edit| Ok(edit.forget("a"))).unwrap();
    assert_eq!(frees(), [0], "b has the same bytes");
    catalog.update(|edit| Ok(edit.forget("b"))).unwrap();
    assert_eq!(
        frees().iter().sum::<u64>(),
        taken,
        "the last of both frees them, once"
    );

    let source = root.path().join("own.bin");
    fs::write(&source, [2; 100_000]).unwrap();
    let model = model_id("linked");
    let mut request = ImportRequest::new(&model, &source);
    request.how = Import::HardLink;
    catalog.import(&request, &mut |_| Ok(())).unwrap();
    catalog.update(|edit| Ok(edit.forget("linked"))).unwrap();
    assert_eq!(
        frees().iter().sum::<u64>(),
        taken,
        "the original keeps its bytes"
    );
}

/// CAT-884
#[test]
fn models_that_are_not_managed_go_by_the_rules_of_deletion() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let outside = folder.path().join("outside.bin");
    let inside = catalog.root().join("inside.bin");
    for (id, path) in [("a", &outside), ("b", &inside), ("c", &inside)] {
        fs::write(path, "x").unwrap();
        catalog
            .put(&CatalogEntry {
                lifecycle: LifecycleState::Retired,
                ..entry(id, path)
            })
            .unwrap();
    }
    let policy = CollectionPolicy::default().retired_for(Duration::ZERO);
    let (plan, done) = collect(&catalog, policy);
    assert_eq!(ids(&plan), ["a", "b", "c"]);
    assert!(done.spared.is_empty(), "{:?}", done.spared);
    assert!(outside.exists(), "it is not ours to remove");
    assert!(!inside.exists());
    assert!(catalog.list().unwrap().is_empty());
}

/// CAT-1058
#[test]
fn a_limit_of_zero_removes_all_that_is_retired() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    for id in ["active", "retired", "retired too"] {
        import(&catalog, id, id.as_bytes());
    }
    for id in ["retired", "retired too"] {
        catalog.set_state(id, LifecycleState::Retired).unwrap();
    }
    let policy = CollectionPolicy::default().retired_for(std::time::Duration::ZERO);
    collect(&catalog, policy);
    let left = catalog.list().unwrap();
    let left: Vec<&str> = left.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(left, ["active"]);
}
