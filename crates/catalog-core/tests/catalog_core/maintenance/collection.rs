use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use catalog_core::{
    CatalogEntry, CatalogStore, Collected, CollectionPlan, CollectionPolicy, Evict, FsCatalog,
    Import, ImportRequest, LifecycleState, Removable, RemovalReason,
};

use crate::util::{entry, model_id, names_in, replacing, state_of};

fn import(catalog: &FsCatalog, id: &str, content: &[u8]) -> CatalogEntry {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("m.bin");
    fs::write(&source, content).unwrap();
    let model = model_id(id);
    let mut request = replacing(catalog, &model, &source);
    request.how = Import::Copy;
    catalog.import(&request, &mut |_| Ok(())).unwrap()
}

fn collect(catalog: &FsCatalog, policy: CollectionPolicy) -> (CollectionPlan, Collected) {
    let plan = catalog.plan_collection(&policy).unwrap();
    let done = catalog.collect(&plan).unwrap();
    (plan, done)
}

/// The manifest of a managed model; its time is that of the last use.
fn manifest_of(catalog: &FsCatalog, id: &str) -> PathBuf {
    let path = catalog.get(id).unwrap().unwrap().local_path;
    path.parent().unwrap().with_file_name("manifest.json")
}

/// Makes the last use of a managed model lie so long ago.
fn was_used(catalog: &FsCatalog, id: &str, ago: Duration) {
    let manifest = fs::File::open(manifest_of(catalog, id)).unwrap();
    manifest.set_modified(SystemTime::now() - ago).unwrap();
}

fn ids(plan: &CollectionPlan) -> Vec<String> {
    let removals = plan.removals.iter();
    removals
        .filter_map(|removal| match &removal.what {
            Removable::Model(id) => Some(id.clone()),
            _ => None,
        })
        .collect()
}

fn space(path: &Path) -> u64 {
    let mut files = state_of(path);
    files.dedup_by_key(|(_, identity)| identity.0);
    files
        .iter()
        .map(|(path, _)| fs::metadata(path).unwrap().blocks() * 512)
        .sum()
}

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
    assert_eq!(done.freed, plan.frees());
    assert!(staged > 0 && freed > staged);
    assert!(kept.local_path.exists() && !loose.local_path.exists());
    assert!(staging.folder().exists() && root.path().join("artifacts/own/m").exists());
    assert_eq!(names_in(&root.path().join("staging")).len(), 1);
    let (again, _) = collect(&catalog, CollectionPolicy::default());
    assert_eq!(again.removals, [], "nothing is left");
}

/// CAT-881
#[test]
fn what_cannot_be_read_stops_a_collection() {
    for name in ["index.json", "engines.json", "pins.json", "manifest"] {
        let root = tempfile::tempdir().unwrap();
        let catalog = FsCatalog::new(root.path()).unwrap();
        import(&catalog, "kept", b"kept");
        let loose = import(&catalog, "loose", b"loose");
        catalog.update(|edit| Ok(edit.forget("loose"))).unwrap();
        let path = match name {
            "manifest" => loose
                .local_path
                .parent()
                .unwrap()
                .with_file_name("manifest.json"),
            name => root.path().join(name),
        };
        fs::write(&path, "{\"version\":1,").unwrap();
        let planned = catalog.plan_collection(&CollectionPolicy::default());
        assert!(planned.is_err(), "{name}");
        assert!(loose.local_path.exists(), "{name}");
    }
}

/// CAT-881
#[test]
fn what_is_used_since_it_was_planned_is_spared() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let [registered, leased, pinned, revived] =
        ["registered", "leased", "pinned", "revived"].map(|id| import(&catalog, id, id.as_bytes()));
    catalog
        .update(|edit| Ok(edit.forget("registered")))
        .unwrap();
    for id in ["leased", "pinned", "revived"] {
        catalog.set_state(id, LifecycleState::Retired).unwrap();
    }
    let policy = CollectionPolicy {
        retired_for: Some(Duration::ZERO),
        ..CollectionPolicy::default()
    };
    while catalog.plan_collection(&policy).unwrap().removals.len() < 4 {}
    let plan = catalog.plan_collection(&policy).unwrap();
    catalog.put(&registered).unwrap();
    let lease = catalog.lease("leased").unwrap();
    catalog.pin(&model_id("pinned"), "me", "needed").unwrap();
    catalog
        .set_state("revived", LifecycleState::Active)
        .unwrap();
    let done = catalog.collect(&plan).unwrap();
    assert_eq!(done.removed, []);
    for entry in [&registered, &leased, &pinned, &revived] {
        assert!(entry.local_path.exists(), "{}", entry.id);
        assert!(catalog.get(&entry.id).unwrap().is_some(), "{}", entry.id);
    }
    let codes: Vec<&str> = done.spared.iter().map(|(_, why)| why.code()).collect();
    assert_eq!(codes, ["conflict", "pinned", "conflict"]);
    let plan = catalog.plan_collection(&policy).unwrap();
    assert_eq!(plan.removals, []);
    let spared: Vec<&str> = plan.spared.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(spared, ["leased", "pinned"]);
    drop(lease);
}

/// CAT-881
#[test]
fn a_model_that_got_new_content_since_it_was_planned_is_spared() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    import(&catalog, "m", b"old");
    catalog.set_state("m", LifecycleState::Retired).unwrap();
    let policy = CollectionPolicy {
        budget: Some(0),
        ..CollectionPolicy::default()
    };
    let plan = catalog.plan_collection(&policy).unwrap();
    assert_eq!(ids(&plan), ["m"]);
    let new = import(&catalog, "m", b"new");
    let done = catalog.collect(&plan).unwrap();
    assert_eq!(
        (done.removed.len(), done.spared[0].1.code()),
        (0, "conflict")
    );
    assert_eq!(catalog.get("m").unwrap(), Some(new.clone()));
    assert!(new.local_path.exists());
}

/// CAT-881
#[test]
fn two_models_of_one_artifact_go_together() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let m = import(&catalog, "m", b"content");
    catalog
        .put(&CatalogEntry {
            id: "n".to_owned(),
            ..m.clone()
        })
        .unwrap();
    let policy = CollectionPolicy {
        budget: Some(0),
        evict: Evict::Any,
        ..CollectionPolicy::default()
    };
    let (plan, done) = collect(&catalog, policy);
    assert_eq!(ids(&plan), ["m", "n"]);
    assert_eq!(done.freed, plan.frees());
    assert!(done.spared.is_empty() && !m.local_path.exists());
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
    assert_eq!(done.freed, plan.frees());
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
    let policy = |budget: usize, evict| CollectionPolicy {
        budget: Some(budget as u64),
        evict,
        ..CollectionPolicy::default()
    };
    let planned = |policy| ids(&catalog.plan_collection(&policy).unwrap());
    // Manifests and claims take some blocks.
    let some = SIZE / 4;
    assert!(planned(policy(4 * SIZE + some, Evict::Any)).is_empty());
    assert_eq!(planned(policy(SIZE + some, Evict::Retired)), ["a"]);
    assert_eq!(planned(policy(2 * SIZE + some, Evict::Any)), ["a", "c"]);
    assert_eq!(planned(policy(some, Evict::Any)), ["a", "c", "d", "b"]);

    let (plan, done) = collect(&catalog, policy(2 * SIZE + some, Evict::Any));
    assert_eq!(plan.frees(), 2 * SIZE as u64);
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
    let policy = CollectionPolicy {
        retired_for: Some(Duration::ZERO),
        ..CollectionPolicy::default()
    };
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
    let policy = CollectionPolicy {
        retired_for: Some(std::time::Duration::ZERO),
        ..CollectionPolicy::default()
    };
    collect(&catalog, policy);
    let left = catalog.list().unwrap();
    let left: Vec<&str> = left.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(left, ["active"]);
}
