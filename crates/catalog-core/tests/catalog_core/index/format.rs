//! The file as a person reads it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use catalog_core::{CatalogEntry, CatalogStore, Digest, FsCatalog, ImportRequest, LifecycleState};

use crate::util::{STORE_FILES, entry, fixture, identity, model_id, names_in};

fn entries() -> [CatalogEntry; 2] {
    let digest = Digest {
        algo: "sha256".to_owned(),
        value: "ab".repeat(32),
    };
    [
        entry("file:/srv/models/outside.gguf", "/srv/models/outside.gguf"),
        CatalogEntry {
            digest: Some(digest),
            last_verified_ms: Some(1_700_000_000_000),
            ..entry("hf:org/repo/model.gguf", "models/model.gguf")
        },
    ]
}

/// CAT-401
#[test]
fn the_index_is_the_specified_bytes_with_one_entry_a_line() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let [outside, inside] = entries();
    // Seven changes, so that the generation is that of the fixture.
    for _ in 0..2 {
        catalog.put(&inside).unwrap();
        catalog
            .set_state(&inside.id, LifecycleState::Retired)
            .unwrap();
    }
    catalog.put(&outside).unwrap();
    catalog.delete(&inside.id).unwrap();
    catalog.put(&inside).unwrap();
    let text = fs::read_to_string(root.path().join("index.json")).unwrap();
    let specified = String::from_utf8(fixture("index-v2-active.json")).unwrap();
    assert_eq!(text, specified);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[1].starts_with("\"file:") && lines[2].starts_with("\"hf:"));
}

/// CAT-406
#[test]
fn a_retired_entry_says_since_when_and_a_snapshot_does_not() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    catalog.put(&entry("a", "m")).unwrap();
    let line = || {
        let text = fs::read_to_string(root.path().join("index.json")).unwrap();
        text.lines().nth(1).unwrap().to_owned()
    };
    assert!(!line().contains("retired"));
    catalog.set_state("a", LifecycleState::Retired).unwrap();
    let retired = line();
    assert!(retired.contains("\"retired\":{\"since\":{\"wall_ms\":"));
    let snapshot = serde_json::to_string(&catalog.snapshot().unwrap()).unwrap();
    assert!(!snapshot.contains("wall_ms"), "other hosts say the same");
    catalog.set_state("a", LifecycleState::Retired).unwrap();
    assert_eq!(line(), retired, "it is retired since then still");
    catalog.set_state("a", LifecycleState::Active).unwrap();
    assert!(!line().contains("retired"));
}

/// CAT-402
#[test]
fn what_changes_nothing_writes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    assert!(!catalog.delete("nothing").unwrap());
    assert!(
        !root.path().join("index.json").exists(),
        "an empty catalog needs no file"
    );
    let [outside, inside] = entries();
    let outside = CatalogEntry {
        lifecycle: LifecycleState::Retired,
        ..outside
    };
    catalog.put(&outside).unwrap();
    catalog.put(&inside).unwrap();
    let before = identity(&root.path().join("index.json"));
    catalog.put(&inside).unwrap();
    catalog.put(&outside).unwrap();
    catalog
        .set_state(&outside.id, LifecycleState::Retired)
        .unwrap();
    catalog.delete("nothing").unwrap();
    catalog.put(&entry("", "x")).unwrap_err();
    assert_eq!(identity(&root.path().join("index.json")), before);
}

/// CAT-403
#[test]
fn a_write_replaces_the_file_and_leaves_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let [outside, inside] = entries();
    catalog.put(&outside).unwrap();
    let first = identity(&root.path().join("index.json"));
    catalog.put(&inside).unwrap();
    let second = identity(&root.path().join("index.json"));
    assert_ne!(
        first.0, second.0,
        "a new file took the place of the old one"
    );
    assert_eq!(names_in(root.path()), STORE_FILES);
}

/// CAT-404
#[test]
fn the_modes_of_files_follow_from_the_root() {
    for (root_mode, folder, file, model) in [
        (0o2770, 0o2770, 0o660, 0o440),
        (0o755, 0o755, 0o644, 0o444),
        (0o700, 0o700, 0o600, 0o400),
    ] {
        let base = tempfile::tempdir().unwrap();
        let root = base.path().join("root");
        let source = base.path().join("source.bin");
        fs::write(&source, "weights").unwrap();
        fs::set_permissions(&source, fs::Permissions::from_mode(0o600)).unwrap();
        fs::create_dir(&root).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(root_mode)).unwrap();
        let catalog = FsCatalog::new(&root).unwrap();
        catalog.put(&entries()[0]).unwrap();
        let id = model_id("m");
        let request = ImportRequest::new(&id, &source);
        catalog.import(&request, &mut |_| Ok(())).unwrap();

        let mut paths = vec![root.clone()];
        let mut looked_at = 0;
        while let Some(path) = paths.pop() {
            let metadata = fs::symlink_metadata(&path).unwrap();
            let text = path.to_string_lossy();
            let expected = match metadata.is_dir() {
                true => folder,
                false if text.contains("/blobs/") || text.contains("/files/") => model,
                false => file,
            };
            assert_eq!(metadata.permissions().mode() & 0o7777, expected, "{text}");
            looked_at += 1;
            if metadata.is_dir() {
                paths.extend(
                    fs::read_dir(&path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
            }
        }
        assert!(looked_at > 15, "{looked_at}");
    }
}

/// CAT-405
#[test]
fn a_root_can_be_moved_with_what_is_below_it() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    let [outside, inside] = entries();
    let old = FsCatalog::new(base.join("old")).unwrap();
    old.put(&outside).unwrap();
    old.put(&inside).unwrap();
    fs::rename(base.join("old"), base.join("new")).unwrap();
    let new = FsCatalog::new(base.join("new")).unwrap();
    let path = |id: &str| new.get(id).unwrap().unwrap().local_path;
    assert_eq!(path(&inside.id), base.join("new/models/model.gguf"));
    assert_eq!(path(&outside.id), outside.local_path);
}
