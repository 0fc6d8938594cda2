use std::fs;
use std::process::Command;

use catalog_core::{CatalogEntry, CatalogStore, FsCatalog, LifecycleState};

/// CAT-442
#[test]
fn a_lock_file_that_somebody_removes_loses_no_acknowledged_change() {
    let root = tempfile::tempdir().unwrap();
    let lock = root.path().join("locks/index.lock");
    let holder = FsCatalog::new(root.path()).unwrap();
    let entry = CatalogEntry {
        id: "holder".to_owned(),
        local_path: "m".into(),
        lifecycle: LifecycleState::Active,
        digest: None,
        last_verified_ms: None,
    };
    let held = holder.update(|edit| {
        fs::remove_file(&lock).unwrap();
        // Another process, which changes the entry `shared` once.
        let mut other = Command::new(env!("CARGO_BIN_EXE_scoreboard"));
        let other = other.arg("--contend").arg(root.path());
        assert!(other.args(["0", "1", "1"]).status().unwrap().success());
        edit.put(&entry)
    });
    assert_eq!(
        held.unwrap_err().code(),
        "io",
        "it lost its lock, and says so"
    );
    assert!(holder.get("shared").unwrap().is_some());
    assert_eq!(holder.get("holder").unwrap(), None);
    holder.put(&entry).unwrap();
    assert!(holder.get("holder").unwrap().is_some());
    assert!(holder.get("shared").unwrap().is_some());
}
