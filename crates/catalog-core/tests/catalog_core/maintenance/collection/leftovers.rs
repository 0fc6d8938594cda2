//! Files that no model needs: the quarantine, damaged indexes, and model locks.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use catalog_core::maintenance::{CollectionPolicy, Evict, Removable, RemovalReason, Verify};
use catalog_core::managed::{ModelLock, ModelLockAttempt};
use catalog_core::{CatalogStore, FsCatalog, recover};

use super::{collect, import, manifest_of, space};
use crate::util::{entry, model_id, names_in};

/// Spoils the file of a model, and verifies the model.
fn spoil(catalog: &FsCatalog, id: &str) {
    let path = catalog.get(id).unwrap().unwrap().local_path;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&path, "spoilt").unwrap();
    catalog.verify(id, Verify::Full, &mut |_| Ok(())).unwrap();
}

fn lock(catalog: &FsCatalog, id: &str) -> ModelLock {
    match catalog.try_lock_model(&model_id(id)).unwrap() {
        ModelLockAttempt::Begun(lock) => lock,
        ModelLockAttempt::Taken(status) => panic!("taken: {status:?}"),
    }
}

fn locks(root: &Path) -> Vec<String> {
    names_in(&root.join("locks/models"))
}

fn all() -> CollectionPolicy {
    CollectionPolicy::default().leftovers_for(Duration::ZERO)
}

/// CAT-889
#[test]
fn the_quarantine_is_listed_with_its_evidence_and_purged_when_the_policy_says_so() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    for id in ["a", "b"] {
        import(&catalog, id, id.as_bytes());
        spoil(&catalog, id);
    }
    let found = catalog.quarantined().unwrap();
    let of: Vec<&[String]> = found
        .iter()
        .map(|file| &file.evidence.as_ref().unwrap().ids[..])
        .collect();
    assert_eq!(of, [["a"], ["b"]], "the oldest first");
    for file in &found {
        assert_eq!(fs::read(&file.path).unwrap(), b"spoilt");
        assert!(file.bytes > 0);
    }
    let old = all().leftovers_for(Duration::from_secs(3600));
    for policy in [CollectionPolicy::default(), old] {
        collect(&catalog, policy);
        assert_eq!(catalog.quarantined().unwrap(), found, "{policy:?}");
    }
    let (plan, done) = collect(&catalog, all());
    let purged = found
        .iter()
        .map(|file| Removable::Quarantined(file.path.clone()));
    assert!(purged.into_iter().all(|what| done.removed.contains(&what)));
    assert!(
        plan.removals
            .iter()
            .any(|planned| planned.reason == RemovalReason::LeftOver)
    );
    assert_eq!(catalog.quarantined().unwrap(), []);
    assert!(names_in(&root.path().join("quarantine")).is_empty());
}

/// CAT-889
#[test]
fn over_its_budget_a_store_gives_up_the_oldest_of_the_quarantine_before_any_model() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    for id in ["a", "b", "kept"] {
        import(&catalog, id, &[1; 100_000]);
    }
    // All three are one file, which goes to quarantine once; the others are stored again.
    spoil(&catalog, "a");
    import(&catalog, "retired", &[2; 100_000]);
    catalog
        .set_state("retired", catalog_core::LifecycleState::Retired)
        .unwrap();
    let [oldest] = &catalog.quarantined().unwrap()[..] else {
        panic!("{:?}", catalog.quarantined());
    };
    collect(&catalog, CollectionPolicy::default());
    let manifests = ["a", "b", "kept", "retired"].map(|id| manifest_of(&catalog, id));
    let manifests = manifests
        .iter()
        .map(|path| fs::metadata(path).unwrap().blocks() * 512);
    let folders = ["blobs", "quarantine"].map(|name| space(&root.path().join(name)));
    let taken = manifests.sum::<u64>() + folders.iter().sum::<u64>();
    let plan = |budget| {
        let policy = CollectionPolicy::default().budget(budget).evict(Evict::Any);
        let plan = catalog.plan_collection(&policy).unwrap();
        plan.removals
            .into_iter()
            .map(|planned| planned.what)
            .collect::<Vec<_>>()
    };
    let purged = Removable::Quarantined(oldest.path.clone());
    assert_eq!(plan(taken), [], "the quarantine counts");
    assert_eq!(plan(taken - 1), std::slice::from_ref(&purged));
    let all = plan(0);
    assert_eq!(all.first(), Some(&purged));
    assert!(all.len() > 1, "{all:?}");
}

/// CAT-889
#[test]
fn damaged_indexes_that_were_kept_go_when_the_policy_says_so() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    for id in ["a", "b"] {
        catalog.put(&entry(id, "m")).unwrap();
    }
    drop(catalog);
    fs::write(root.path().join("index.json"), "{").unwrap();
    let kept: PathBuf = recover(root.path()).unwrap().models.kept_aside.unwrap();
    let other = root.path().join("index.json.damaged-by-hand");
    fs::write(&other, "x").unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    collect(&catalog, CollectionPolicy::default());
    assert!(kept.exists());
    let (_, done) = collect(&catalog, all());
    assert!(done.removed.contains(&Removable::KeptAside(kept.clone())));
    assert!(!kept.exists() && other.exists());
}

/// CAT-899
#[test]
fn a_model_lock_goes_only_if_nobody_holds_it_and_excludes_others_all_the_same() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    catalog.put(&entry("id", "m")).unwrap();
    let held = lock(&catalog, "held");
    drop(lock(&catalog, "idle"));
    assert_eq!(locks(root.path()).len(), 2);
    collect(&catalog, CollectionPolicy::default());
    assert_eq!(locks(root.path()).len(), 2);
    let (_, done) = collect(&catalog, all());
    let [skipped] = &done.spared[..] else {
        panic!("{:?}", done.spared);
    };
    let (Removable::ModelLock(spared), "in_use") = (&skipped.what, skipped.why.code()) else {
        panic!("{skipped:?}");
    };
    assert_eq!(
        locks(root.path()),
        [spared.file_name().unwrap().to_string_lossy()]
    );
    let again = catalog.try_lock_model(&model_id("held")).unwrap();
    assert!(matches!(again, ModelLockAttempt::Taken(_)));
    drop(held);
    collect(&catalog, all());
    assert!(locks(root.path()).is_empty());

    // Beside collections that never rest, each lock has one holder at a time.
    let inside = std::sync::Mutex::new(());
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                collect(&catalog, all());
            }
        });
        let workers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut begun = 0;
                    while begun < 200 {
                        let attempt = catalog.try_lock_model(&model_id("raced")).unwrap();
                        if let ModelLockAttempt::Begun(lock) = attempt {
                            let alone = inside.try_lock().expect("nobody else holds the lock");
                            begun += 1;
                            drop((alone, lock));
                        }
                    }
                })
            })
            .collect();
        let outcomes: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(outcomes.iter().all(Result::is_ok));
    });
}
