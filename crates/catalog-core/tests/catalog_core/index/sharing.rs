//! Several handles on one root, as several processes have.

use std::fs;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use catalog_core::{
    CatalogError, CatalogStore, EngineEntry, EngineStore, FsCatalog, FsEngineStore, LifecycleState,
};

use crate::util::entry;

fn engine(id: &str, artifact: &str) -> EngineEntry {
    EngineEntry {
        id: id.to_owned(),
        engine: "engine".to_owned(),
        version: "1".to_owned(),
        build_ref: None,
        digest: None,
        build_flags: None,
        artifacts: vec![artifact.into()],
        created_ms: 0,
    }
}

/// CAT-440
#[test]
fn a_change_of_another_handle_is_seen_by_the_next_call() {
    let root = tempfile::tempdir().unwrap();
    let a = FsCatalog::new(root.path()).unwrap();
    let b = FsCatalog::new(root.path()).unwrap();
    for number in 0..20 {
        let id = number.to_string();
        a.put(&entry(&id, "m")).unwrap();
        assert!(b.get(&id).unwrap().is_some());
        assert!(b.delete(&id).unwrap());
        assert_eq!(a.get(&id).unwrap(), None);
    }
}

/// CAT-443
#[test]
fn a_reader_in_a_burst_sees_each_change_by_the_next_call() {
    let root = tempfile::tempdir().unwrap();
    let writer = FsCatalog::new(root.path()).unwrap();
    writer.put(&entry("a", "m")).unwrap();
    let reader = FsCatalog::new(root.path()).unwrap();
    let index = root.path().join("index.json");
    let read_in_a_burst = || {
        let begin = Instant::now();
        // Longer than the clock of any file system is coarse; from then on the handle is asked.
        while begin.elapsed() < Duration::from_millis(2_200) {
            reader.get("a").unwrap();
        }
    };

    read_in_a_burst();
    writer.set_state("a", LifecycleState::Retired).unwrap();
    let seen = reader.get("a").unwrap().unwrap();
    assert_eq!(seen.lifecycle, LifecycleState::Retired, "a replacement");

    // Right behind a read, while the path is still trusted.
    let good = fs::read(&index).unwrap();
    let at = good.len() / 2;
    let file = fs::File::options().write(true).open(&index).unwrap();
    read_in_a_burst();
    file.write_at(&[good[at] ^ 1], at as u64).unwrap();
    assert_eq!(reader.get("a").unwrap_err().code(), "index_damaged");
    file.write_at(&good[at..=at], at as u64).unwrap();

    read_in_a_burst();
    fs::remove_file(&index).unwrap();
    let error = reader.get("a").unwrap_err();
    assert_eq!(error.code(), "index_damaged", "it is missing: {error}");
}

/// CAT-440
#[test]
fn concurrent_writers_on_handles_of_their_own_lose_nothing() {
    let root = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let root = root.path();
            scope.spawn(move || {
                let catalog = FsCatalog::new(root).unwrap();
                for number in 0..10 {
                    catalog
                        .put(&entry(&format!("{writer}/{number}"), "m"))
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(
        FsCatalog::new(root.path()).unwrap().list().unwrap().len(),
        40
    );
}

/// CAT-441
#[test]
fn a_root_that_was_deleted_or_replaced_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let catalog = FsCatalog::new(&root).unwrap();
    catalog.put(&entry("id", "m")).unwrap();
    for replaced in [false, true] {
        fs::remove_dir_all(&root).unwrap();
        if replaced {
            // The old inode may be given out again; the other folder keeps its own.
            fs::create_dir(folder.path().join("other")).unwrap();
            fs::rename(folder.path().join("other"), &root).unwrap();
        } else {
            fs::create_dir(folder.path().join("keeps an inode")).unwrap();
        }
        let codes = [
            catalog.get("id").unwrap_err().code(),
            catalog.list().unwrap_err().code(),
            catalog.put(&entry("id", "m")).unwrap_err().code(),
        ];
        assert_eq!(codes, ["root_changed"; 3], "replaced: {replaced}");
        fs::create_dir_all(&root).unwrap();
        assert_eq!(
            fs::read_dir(&root).unwrap().count(),
            0,
            "nothing was written"
        );
    }
}

/// CAT-327
#[test]
fn a_file_that_a_model_and_an_engine_share_outlives_either() {
    let root = tempfile::tempdir().unwrap();
    let models = FsCatalog::new(root.path()).unwrap();
    let engines = FsEngineStore::new(root.path()).unwrap();
    let file = root.path().join("shared");

    fs::write(&file, "x").unwrap();
    models.put(&entry("m", "shared")).unwrap();
    engines.put(&engine("e", "shared")).unwrap();
    assert!(models.delete("m").unwrap());
    assert!(file.exists(), "the engine uses it");
    models.put(&entry("m", "shared")).unwrap();
    assert!(engines.delete("e").unwrap());
    assert!(file.exists(), "the model uses it");
    assert!(models.delete("m").unwrap());
    assert!(!file.exists());
}

/// CAT-328
#[test]
fn nothing_is_deleted_while_the_other_index_cannot_be_read() {
    let root = tempfile::tempdir().unwrap();
    let models = FsCatalog::new(root.path()).unwrap();
    let file = root.path().join("m");
    fs::write(&file, "x").unwrap();
    models.put(&entry("m", "m")).unwrap();
    fs::write(root.path().join("engines.json"), "damaged").unwrap();
    let error = models.delete("m").unwrap_err();
    let CatalogError::ArtifactKept { source, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(source.code(), "index_damaged");
    assert!(file.exists());
    assert_eq!(models.get("m").unwrap(), None);
}

/// CAT-441
#[test]
fn a_root_that_was_replaced_by_another_store_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let mine = FsCatalog::new(&root).unwrap();
    mine.put(&entry("mine", "m")).unwrap();
    let foreign = FsCatalog::new(folder.path().join("other")).unwrap();
    foreign.put(&entry("foreign", "m")).unwrap();
    fs::rename(&root, folder.path().join("moved")).unwrap();
    fs::rename(folder.path().join("other"), &root).unwrap();
    assert_eq!(mine.list().unwrap_err().code(), "root_changed");
    assert_eq!(mine.get("mine").unwrap_err().code(), "root_changed");
    assert_eq!(
        mine.put(&entry("x", "m")).unwrap_err().code(),
        "root_changed"
    );
}
