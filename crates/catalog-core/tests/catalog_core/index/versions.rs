//! Every version that was ever written is read, and no newer one is touched.

use std::fs;

use catalog_core::{
    CatalogError, CatalogStore, Digest, EngineFilter, EngineStore, FsCatalog, FsEngineStore,
    LifecycleState,
};

use crate::util::{entry, fixture, identity, root_with, sealed};

#[track_caller]
fn holds_the_two_models(catalog: &FsCatalog) {
    let list = catalog.list().unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(list[0].id, "file:/srv/models/outside.gguf");
    assert_eq!(
        list[0].local_path.to_str(),
        Some("/srv/models/outside.gguf")
    );
    assert_eq!(list[0].lifecycle, LifecycleState::Retired);
    assert_eq!((&list[0].digest, list[0].last_verified_ms), (&None, None));
    assert_eq!(list[1].id, "hf:org/repo/model.gguf");
    assert_eq!(list[1].local_path, catalog.root().join("models/model.gguf"));
    assert_eq!(list[1].lifecycle, LifecycleState::Active);
    let digest: Digest = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
    assert_eq!(list[1].digest, Some(digest));
    assert_eq!(list[1].last_verified_ms, Some(1_700_000_000_000));
}

/// CAT-410
#[test]
fn an_index_of_each_version_is_read() {
    for name in [
        "index-v0.json",
        "index-v1.json",
        "index-v1-future-minor.json",
        "index-v2.json",
    ] {
        let root = root_with("index.json", &fixture(name));
        holds_the_two_models(&FsCatalog::new(root.path()).unwrap());
    }
    let root = root_with("index.json", &fixture("index-v1-empty.json"));
    assert_eq!(FsCatalog::new(root.path()).unwrap().list().unwrap(), []);
    let root = root_with("index.json", b"{}");
    assert_eq!(FsCatalog::new(root.path()).unwrap().list().unwrap(), []);
}

/// CAT-411
#[test]
fn an_older_version_is_upgraded_by_the_next_change_and_not_before() {
    for name in ["index-v0.json", "index-v1.json"] {
        is_upgraded_by_the_next_change(name);
    }
}

fn is_upgraded_by_the_next_change(name: &str) {
    let root = root_with("index.json", &fixture(name));
    let path = root.path().join("index.json");
    let before = identity(&path);
    let catalog = FsCatalog::new(root.path()).unwrap();
    holds_the_two_models(&catalog);
    let known = catalog.get("hf:org/repo/model.gguf").unwrap().unwrap();
    catalog.put(&known).unwrap();
    assert_eq!(identity(&path), before, "no change, no write");
    catalog
        .set_state("hf:org/repo/model.gguf", LifecycleState::Retired)
        .unwrap();
    catalog
        .set_state("hf:org/repo/model.gguf", LifecycleState::Active)
        .unwrap();
    holds_the_two_models(&catalog);
    let upgraded = fs::read_to_string(&path).unwrap();
    assert!(
        upgraded.starts_with("{\"version\":2,"),
        "{name}: {upgraded}"
    );
    let previous = fs::read_to_string(root.path().join("index.json.previous")).unwrap();
    assert!(previous.starts_with("{\"version\":2,"), "two changes ago");
    let current = String::from_utf8(fixture("index-v1.json")).unwrap();
    let entries = |text: &str| {
        text.lines()
            .skip(1)
            .take(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(entries(&upgraded), entries(&current));
}

/// CAT-412
#[test]
fn a_newer_version_is_refused_and_left_as_it_was() {
    let newer = [
        fixture("index-v3.json"),
        b"{\"version\":3,\"whatever\":[1,2]}".to_vec(),
        b"{\"version\":99,\"entries\":{},\"checksum\":\"crc32:00\"}\n".to_vec(),
    ];
    for bytes in newer {
        let root = root_with("index.json", &bytes);
        let error = FsCatalog::new(root.path()).unwrap_err();
        let CatalogError::IndexTooNew {
            found, supported, ..
        } = &error
        else {
            panic!("{error}")
        };
        assert!(found > supported, "{error}");
        assert!(error.to_string().contains("index.json"), "{error}");
        assert_eq!(fs::read(root.path().join("index.json")).unwrap(), bytes);
    }

    // Also when it appears under an open catalog.
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    catalog.put(&entry("id", "m")).unwrap();
    fs::write(root.path().join("index.json"), fixture("index-v3.json")).unwrap();
    let codes = [
        catalog.get("id").unwrap_err().code(),
        catalog.put(&entry("id", "other")).unwrap_err().code(),
        catalog.delete("id").unwrap_err().code(),
    ];
    assert_eq!(codes, ["index_too_new"; 3]);
    assert_eq!(
        fs::read(root.path().join("index.json")).unwrap(),
        fixture("index-v3.json")
    );
}

/// CAT-412
#[test]
fn the_version_decides_also_where_the_checksum_is_right() {
    let outcome = |bytes: &[u8]| {
        let root = root_with("index.json", bytes);
        match FsCatalog::new(root.path()) {
            Ok(catalog) => format!("{} entries", catalog.list().unwrap().len()),
            Err(error) => error.to_string(),
        }
    };
    for version in [1, 2] {
        let head = format!(r#"{{"version":{version},"generation":1,"entries":{{"#);
        assert_eq!(outcome(&sealed(&head, &[])), "0 entries");
    }
    for (head, expected) in [
        (
            r#"{"version":3,"generation":1,"entries":{"#,
            "schema version 3",
        ),
        (r#"{"version":3,"things":{"#, "schema version 3"),
        (r#"{"version":2,"things":{"#, "missing field"),
        (r#"{"version":1,"things":{"#, "missing field"),
        (
            r#"{"version":0,"generation":1,"entries":{"#,
            "no release wrote the schema version 0",
        ),
    ] {
        let found = outcome(&sealed(head, &[]));
        assert!(found.contains(expected), "{head}: {found}");
    }
    let entry = r#"{"version":{"local_path":"m","lifecycle":"active"}}"#;
    assert_eq!(
        outcome(entry.as_bytes()),
        "1 entries",
        "an entry of that id"
    );
    for (bytes, expected) in [
        (r#"{"version":"1"}"#, "its version is no whole number"),
        (
            r#"{"version":1,"generation":1,"entries":{}}"#,
            "its checksum is missing",
        ),
    ] {
        let found = outcome(bytes.as_bytes());
        assert!(found.contains(expected), "{bytes}: {found}");
    }
}

/// CAT-413
#[test]
fn what_changes_nothing_beside_fields_of_a_newer_release_writes_nothing() {
    let root = root_with("index.json", &fixture("index-v1-future-minor.json"));
    let catalog = FsCatalog::new(root.path()).unwrap();
    let before = identity(&root.path().join("index.json"));
    for entry in catalog.list().unwrap() {
        catalog.put(&entry).unwrap();
    }
    assert_eq!(identity(&root.path().join("index.json")), before);
}

/// CAT-413
#[test]
fn fields_of_a_newer_release_outlive_our_rewrites() {
    let root = root_with("index.json", &fixture("index-v1-future-minor.json"));
    let catalog = FsCatalog::new(root.path()).unwrap();
    let id = "file:/srv/models/outside.gguf";
    catalog.set_state(id, LifecycleState::Active).unwrap();
    catalog.set_state(id, LifecycleState::Retired).unwrap();
    let mut changed = catalog.get(id).unwrap().unwrap();
    changed.last_verified_ms = Some(5);
    catalog.put(&changed).unwrap();
    catalog.put(&entry("new", "m")).unwrap();
    let text = fs::read_to_string(root.path().join("index.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["host"]["name"], "gpu-1");
    assert_eq!(json["entries"][id]["pinned_by"][0], "ops");
    assert!(
        text.contains("\"score\":12345678901234567890123456789.10"),
        "to the last digit"
    );
    assert!(
        text.contains("\"n\":18446744073709551617}"),
        "to the last digit"
    );
    assert_eq!(json["entries"][id]["last_verified_ms"], 5);
    catalog.delete(id).unwrap();
    catalog.put(&changed).unwrap();
    let text = fs::read_to_string(root.path().join("index.json")).unwrap();
    assert!(
        !text.contains("pinned_by"),
        "what was deleted stays deleted"
    );
}

/// ENG-110
#[test]
fn the_engine_index_has_its_own_version_and_fixture() {
    for name in ["engines-v1.json", "engines-v2.json"] {
        engines_are_read_and_rewritten(name);
    }
}

fn engines_are_read_and_rewritten(name: &str) {
    let root = root_with("engines.json", &fixture(name));
    fs::write(root.path().join("index.json"), fixture("index-v3.json")).unwrap();
    let engines = FsEngineStore::new(root.path()).unwrap();
    let list = engines.find(&EngineFilter::default()).unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(list[0].build_ref.as_deref(), Some("refs/tags/b4000"));
    assert_eq!(
        list[0].artifacts[0],
        engines.root().join("engines/b4000/llama-server")
    );
    assert_eq!(
        list[0].artifacts[1],
        engines.root().join("engines/odd:name")
    );
    assert_eq!(
        list[0].artifacts[2].to_str(),
        Some("ghcr.io/ggml-org/llama.cpp:server")
    );
    assert_eq!(list[1].created_ms, -1);

    assert!(engines.delete(&list[1].id).unwrap());
    let kept = engines.delete(&list[0].id).unwrap_err();
    assert_eq!(
        kept.code(),
        "artifact_kept",
        "a newer index of models may use it"
    );
    for entry in list.iter().rev() {
        engines.put(entry).unwrap();
    }
    let written = fs::read_to_string(root.path().join("engines.json")).unwrap();
    assert!(written.starts_with("{\"version\":2,"), "{written}");
    assert!(!written.contains("tombstones"), "what it marked is gone");
    let expected = String::from_utf8(fixture(name)).unwrap();
    let entries = |text: &str| {
        text.lines()
            .skip(1)
            .take(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(entries(&written), entries(&expected));
}
