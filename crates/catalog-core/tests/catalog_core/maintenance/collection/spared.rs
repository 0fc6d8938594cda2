//! The files that a collection spares, or that stop it.

use std::fs;
use std::time::Duration;

use catalog_core::{
    CatalogEntry, CatalogStore, CollectionPolicy, Evict, FsCatalog, LifecycleState,
};

use super::{collect, ids, import};
use crate::util::model_id;

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
