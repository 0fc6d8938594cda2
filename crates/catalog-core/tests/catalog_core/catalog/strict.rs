use catalog_core::{
    CatalogStore, EngineEntry, EngineStore, FsCatalog, FsEngineStore, OutsidePaths, StoreOptions,
    default_model_cache_dir,
};

use crate::util::entry;

/// CAT-329
#[test]
fn a_strict_catalog_refuses_what_lies_outside() {
    let root = tempfile::tempdir().unwrap();
    let strict = StoreOptions::default().outside(OutsidePaths::Refuse);
    let models = FsCatalog::open(root.path(), strict).unwrap();
    assert_eq!(
        models.put(&entry("id", "/srv/m")).unwrap_err().code(),
        "path_refused"
    );
    models.put(&entry("id", "below/m")).unwrap();

    let engines = FsEngineStore::open(root.path(), strict).unwrap();
    let engine = |artifact: &str| EngineEntry {
        id: "id".to_owned(),
        engine: "e".to_owned(),
        version: "1".to_owned(),
        build_ref: None,
        digest: None,
        build_flags: None,
        artifacts: vec![artifact.into()],
        created_ms: 0,
    };
    assert_eq!(
        engines.put(&engine("/srv/e")).unwrap_err().code(),
        "path_refused"
    );
    engines.put(&engine("oci://ghcr.io/org/e")).unwrap();
}

/// CAT-330
#[test]
fn the_default_root_is_below_the_users_home() {
    if let Some(home) = std::env::home_dir() {
        assert_eq!(default_model_cache_dir(), home.join(".cache/models"));
    }
    assert!(default_model_cache_dir().is_absolute());
}
