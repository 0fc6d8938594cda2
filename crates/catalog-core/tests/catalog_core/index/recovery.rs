//! A recovery is an explicit call. It keeps the damaged file, and its report lists each entry.

use std::fs;
use std::path::Path;
use std::time::Duration;

use catalog_core::maintenance::{IndexRecovery, RecoveryAction};
use catalog_core::{CatalogStore, FsCatalog, LifecycleState, Locking, StoreOptions, recover};

use crate::util::{STORE_FILES, empty_index, entry, fixture, names_in, root_with, state_of};

/// A root with entries `a`, `b` and `c`, of which `c` is new and `b` changed in the last generation.
fn root_with_history() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    catalog.put(&entry("a", "a")).unwrap();
    catalog.put(&entry("b", "b")).unwrap();
    catalog
        .update(|edit| {
            edit.put(&entry("c", "c"))?;
            edit.set_state("b", LifecycleState::Retired)
        })
        .unwrap();
    root
}

fn damage(root: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let path = root.join("index.json");
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(&path, &bytes).unwrap();
    FsCatalog::new(root).expect_err("damage is noticed");
    bytes
}

/// Flips a bit in the line of an entry, after its id.
fn flip_in_line(id: &str) -> impl Fn(&mut Vec<u8>) {
    let start = format!("\"{id}\":");
    move |bytes| {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let at = text.find(&start).unwrap() + start.len() + 20;
        bytes[at] ^= 1;
    }
}

#[track_caller]
fn recovered(root: &Path, damaged: &[u8]) -> IndexRecovery {
    let report = recover(root).unwrap();
    assert!(!report.engines.was_damaged);
    assert!(report.models.was_damaged);
    let aside = report.models.kept_aside.as_ref().unwrap();
    assert_eq!(
        fs::read(aside).unwrap(),
        damaged,
        "the damaged file is kept as it was"
    );
    report.models
}

fn fates(report: &IndexRecovery) -> Vec<(&str, RecoveryAction)> {
    report
        .entries
        .iter()
        .map(|(id, fate)| (id.as_str(), *fate))
        .collect()
}

/// CAT-460
#[test]
fn whole_lines_are_kept_and_the_generation_before_fills_in() {
    use RecoveryAction::{Kept, Restored};

    let root = root_with_history();
    let damaged = damage(root.path(), flip_in_line("b"));
    let report = recovered(root.path(), &damaged);
    assert_eq!(fates(&report), [("a", Kept), ("b", Restored), ("c", Kept)]);
    assert!(report.lost.is_empty());
    let catalog = FsCatalog::new(root.path()).unwrap();
    let state = |id: &str| catalog.get(id).unwrap().unwrap().lifecycle;
    assert_eq!(
        state("b"),
        LifecycleState::Active,
        "its last change is undone"
    );
    assert_eq!(catalog.list().unwrap().len(), 3);
    assert_eq!(catalog.snapshot().unwrap().generation(), 4);

    let root = root_with_history();
    let damaged = damage(root.path(), flip_in_line("c"));
    let report = recovered(root.path(), &damaged);
    assert_eq!(fates(&report), [("a", Kept), ("b", Kept)]);
    assert_eq!(report.lost.len(), 1);
    assert!(report.lost[0].starts_with("\"c\":{"), "{:?}", report.lost);
    let catalog = FsCatalog::new(root.path()).unwrap();
    let b = catalog.get("b").unwrap().unwrap();
    assert_eq!(
        b.lifecycle,
        LifecycleState::Retired,
        "its last change is kept"
    );
}

/// CAT-460
#[test]
fn from_any_damage_everything_of_the_generation_before_is_restored() {
    let root = root_with_history();
    let good = fs::read(root.path().join("index.json")).unwrap();
    let others = STORE_FILES
        .iter()
        .filter(|name| !["locks", "removed"].contains(name));
    let others: Vec<(&str, Vec<u8>)> = others
        .map(|name| (*name, fs::read(root.path().join(name)).unwrap()))
        .collect();
    for cut in (0..good.len()).step_by(7) {
        let root = tempfile::tempdir().unwrap();
        for (name, bytes) in &others {
            fs::write(root.path().join(name), bytes).unwrap();
        }
        fs::write(root.path().join("index.json"), &good[..cut]).unwrap();
        let report = recovered(root.path(), &good[..cut]);
        let ids: Vec<&str> = report.entries.keys().map(String::as_str).collect();
        assert!(
            ids == ["a", "b"] || ids == ["a", "b", "c"],
            "{cut}: {ids:?}"
        );
        let catalog = FsCatalog::new(root.path()).unwrap();
        assert_eq!(catalog.list().unwrap().len(), ids.len());
        catalog.put(&entry("after", "m")).unwrap();
    }
}

/// CAT-461
#[test]
fn a_missing_index_with_a_generation_before_it_is_damage_and_is_recovered() {
    let root = root_with_history();
    let open = FsCatalog::new(root.path()).unwrap();
    fs::remove_file(root.path().join("index.json")).unwrap();
    assert_eq!(
        FsCatalog::new(root.path()).unwrap_err().code(),
        "index_damaged"
    );
    assert_eq!(open.list().unwrap_err().code(), "index_damaged");
    assert_eq!(
        open.put(&entry("x", "m")).unwrap_err().code(),
        "index_damaged"
    );
    let report = recover(root.path()).unwrap().models;
    assert!(report.was_damaged);
    assert_eq!(report.kept_aside, None);
    assert_eq!(
        fates(&report),
        [
            ("a", RecoveryAction::Restored),
            ("b", RecoveryAction::Restored)
        ]
    );
    assert_eq!(open.list().unwrap().len(), 2);
}

/// CAT-460
#[test]
fn each_recovery_keeps_its_damaged_file_under_a_name_of_its_own() {
    let root = root_with_history();
    let kept: Vec<_> = (0..2)
        .map(|_| {
            let damaged = damage(root.path(), |bytes| bytes.truncate(bytes.len() - 9));
            let report = recover(root.path()).unwrap().models;
            let aside = report.kept_aside.unwrap();
            assert_eq!(fs::read(&aside).unwrap(), damaged);
            aside
        })
        .collect();
    assert!(kept[0] != kept[1] && kept[0].exists());
}

/// CAT-462
#[test]
fn recovery_leaves_whole_and_newer_indexes_alone() {
    let root = root_with_history();
    fs::create_dir_all(root.path().join("locks")).unwrap();
    let files = |root: &Path| {
        let mut state = state_of(root);
        state.retain(|(path, ..)| !path.starts_with(root.join("locks")));
        state
    };
    let before = files(root.path());
    let report = recover(root.path()).unwrap();
    assert!(!report.models.was_damaged && !report.engines.was_damaged);
    assert_eq!(files(root.path()), before);

    let root = root_with("index.json", &fixture("index-v3.json"));
    assert_eq!(recover(root.path()).unwrap_err().code(), "index_too_new");
    assert_eq!(
        fs::read(root.path().join("index.json")).unwrap(),
        fixture("index-v3.json")
    );
    assert_eq!(names_in(root.path()), ["index.json"]);
}

/// CAT-463
#[test]
fn what_is_lost_is_told_in_its_own_words() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    catalog.put(&entry("m", "m")).unwrap();
    let garbage = b"complete garbage\nin two lines";
    damage(root.path(), |bytes| *bytes = garbage.to_vec());
    let report = recovered(root.path(), garbage);
    assert!(report.entries.is_empty());
    assert_eq!(report.lost, ["complete garbage\n", "in two lines"]);
    assert_eq!(FsCatalog::new(root.path()).unwrap().list().unwrap(), []);
}

/// CAT-464
#[test]
fn each_write_keeps_the_generation_before() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let read = |name: &str| fs::read(root.path().join(name)).ok();
    let mut last = Some(empty_index(2));
    for number in 0..4 {
        catalog.put(&entry(&number.to_string(), "m")).unwrap();
        assert_eq!(read("index.json.previous"), last);
        last = read("index.json");
    }
    // As a crash leaves it between the exchange and the rename: the old file has the temporary name.
    let older = read("index.json.previous").unwrap();
    fs::write(root.path().join(".index.json.new"), older).unwrap();
    catalog.put(&entry("next", "m")).unwrap();
    assert_eq!(read("index.json.previous"), last);
    assert_eq!(names_in(root.path()), STORE_FILES);
    // As a crash of the first edition leaves it between two renames: both are names of one file.
    last = read("index.json");
    fs::remove_file(root.path().join("index.json.previous")).unwrap();
    fs::hard_link(
        root.path().join("index.json"),
        root.path().join("index.json.previous"),
    )
    .unwrap();
    let next = FsCatalog::new(root.path()).unwrap();
    next.put(&entry("after", "m")).unwrap();
    assert_eq!(read("index.json.previous"), last);
    assert_eq!(names_in(root.path()), STORE_FILES);
}

/// CAT-465
#[test]
fn recovery_and_rebuilding_take_the_options_of_the_store() {
    let root = root_with_history();
    damage(root.path(), |bytes| bytes.truncate(9));
    // The locks of the kernel are of no use here: somebody never gives this one back.
    let held = fs::File::options()
        .write(true)
        .open(root.path().join("locks/index.lock"))
        .unwrap();
    held.lock().unwrap();
    let with = |locking| {
        StoreOptions::default()
            .locking(locking)
            .lock_wait(Duration::from_millis(10))
    };
    let (kernel, own) = (with(Locking::Kernel), with(Locking::SingleProcess));
    let refused = kernel.recover(root.path()).unwrap_err();
    assert_eq!(refused.code(), "lock_timeout");
    let report = own.recover(root.path()).unwrap();
    assert!(!report.models.entries.is_empty());
    for name in ["index.json", "index.json.previous"] {
        fs::remove_file(root.path().join(name)).unwrap();
    }
    let refused = kernel.rebuild(root.path()).unwrap_err();
    assert_eq!(refused.code(), "lock_timeout");
    own.rebuild(root.path()).unwrap();
    let catalog = FsCatalog::open(root.path(), own).unwrap();
    assert!(catalog.list().unwrap().is_empty());
}
