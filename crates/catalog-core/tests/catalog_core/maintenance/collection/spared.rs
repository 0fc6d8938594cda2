//! The files that a collection spares, or that stop it.

use std::fs;
use std::time::Duration;

use catalog_core::maintenance::{CollectionPolicy, Evict, Skipped};
use catalog_core::{CatalogEdit, CatalogEntry, CatalogStore, FsCatalog, LifecycleState};

use super::{collect, ids, import};
use crate::util::{model_id, rewrite};

/// CAT-881
#[test]
fn damaged_indexes_stop_a_collection() {
    for name in ["index.json", "engines.json", "pins.json"] {
        let root = tempfile::tempdir().unwrap();
        let catalog = FsCatalog::new(root.path()).unwrap();
        import(&catalog, "kept", b"kept");
        let loose = import(&catalog, "loose", b"loose");
        catalog.update(|edit| Ok(edit.forget("loose"))).unwrap();
        fs::write(root.path().join(name), "{\"version\":1,").unwrap();
        let planned = catalog.plan_collection(&CollectionPolicy::default());
        assert!(planned.is_err(), "{name}");
        assert!(loose.local_path.exists(), "{name}");
    }
}

/// CAT-887
#[test]
fn an_artifact_without_a_readable_manifest_is_spared_and_the_rest_goes() {
    for damage in ["damaged", "newer", "missing"] {
        let root = tempfile::tempdir().unwrap();
        let catalog = FsCatalog::new(root.path()).unwrap();
        let [bad, loose] = ["bad", "loose"].map(|id| import(&catalog, id, id.as_bytes()));
        let forget = |edit: &mut CatalogEdit<'_>| Ok(edit.forget("loose") && edit.forget("bad"));
        assert!(catalog.update(forget).unwrap());
        let manifest = bad
            .local_path
            .parent()
            .unwrap()
            .with_file_name("manifest.json");
        match damage {
            "damaged" => fs::write(&manifest, "{\"version\":1,").unwrap(),
            "newer" => rewrite(&manifest, |text| {
                text.replace("\"version\":2", "\"version\":99")
            }),
            _ => fs::remove_file(&manifest).unwrap(),
        }
        let plan = catalog
            .plan_collection(&CollectionPolicy::default())
            .unwrap();
        let [
            Skipped {
                what: spared, why, ..
            },
        ] = &plan.spared[..]
        else {
            panic!("{damage}: {:?}", plan.spared);
        };
        assert!(
            manifest.to_string_lossy().contains(&**spared),
            "{damage}: {spared}: {why}"
        );
        assert_eq!(why.contains("newer release"), damage == "newer", "{why}");
        catalog.collect(&plan).unwrap();
        assert!(
            bad.local_path.exists() && !loose.local_path.exists(),
            "{damage}"
        );
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
    let policy = CollectionPolicy::default().retired_for(Duration::ZERO);
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
    let codes: Vec<&str> = done.spared.iter().map(|spared| spared.why.code()).collect();
    assert_eq!(codes, ["conflict", "pinned", "conflict"]);
    let plan = catalog.plan_collection(&policy).unwrap();
    assert_eq!(plan.removals, []);
    let spared: Vec<&str> = plan
        .spared
        .iter()
        .map(|spared| spared.what.as_str())
        .collect();
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
    let policy = CollectionPolicy::default().budget(0);
    let plan = catalog.plan_collection(&policy).unwrap();
    assert_eq!(ids(&plan), ["m"]);
    let new = import(&catalog, "m", b"new");
    let done = catalog.collect(&plan).unwrap();
    assert_eq!(
        (done.removed.len(), done.spared[0].why.code()),
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
    let policy = CollectionPolicy::default().budget(0).evict(Evict::Any);
    let (plan, done) = collect(&catalog, policy);
    assert_eq!(ids(&plan), ["m", "n"]);
    assert_eq!(done.freed, plan.reclaimable_bytes());
    assert!(done.spared.is_empty() && !m.local_path.exists());
}
