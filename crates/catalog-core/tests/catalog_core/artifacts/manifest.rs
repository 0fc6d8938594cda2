use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use catalog_core::maintenance::Verify;
use catalog_core::{
    Artifact, Basis, CatalogStore, EntryPoint, Expectation, Expected, FsCatalog, Provenance, Role,
    Validators,
};

use crate::util::{model_id, rewrite};

/// Publishes a model of two files.
fn publish(catalog: &FsCatalog, provenance: Provenance) -> Artifact {
    try_publish(catalog, provenance).unwrap()
}

fn try_publish(catalog: &FsCatalog, provenance: Provenance) -> catalog_core::Result<Artifact> {
    let mut staging = catalog
        .artifacts()
        .stage(&model_id("hf:org/repo"), 0)
        .unwrap();
    for name in ["model.bin", "projector.bin"] {
        let mut file = staging.create(name).unwrap();
        std::io::Write::write_all(&mut file, name.as_bytes()).unwrap();
        file.finish().unwrap();
    }
    staging.set_provenance(provenance);
    let expected = Expectation::default().entry_point(EntryPoint::File("model.bin".to_owned()));
    let verified = staging.verify(&expected, &mut |_| Ok(()));
    verified?.publish()
}

fn manifest_of(artifact: &Path) -> PathBuf {
    artifact.parent().unwrap().with_file_name("manifest.json")
}

/// CAT-1010
#[test]
fn a_manifest_says_what_was_asked_for_and_what_the_source_said() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let validators = Validators::new(Some("\"abc\"".to_owned()), None);
    let provenance = Provenance::default()
        .source("hf:org/repo".to_owned())
        .fetcher("test".to_owned())
        .requested(BTreeSet::from(["model.bin".to_owned()]))
        .companions(BTreeSet::from(["projector.bin".to_owned()]))
        .validators(BTreeMap::from([("model.bin".to_owned(), validators)]))
        .source_spelling("https://user:secret@host/Org/Repo".to_owned());
    let artifact = publish(&catalog, provenance.clone());
    catalog.register(&artifact, Expected::Absent).unwrap();
    let text = fs::read_to_string(manifest_of(artifact.path())).unwrap();
    assert!(text.starts_with("{\"version\":3,"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    let manifest = catalog.artifacts().manifest_at(artifact.path()).unwrap();
    let manifest = manifest.unwrap();
    let roles: Vec<Role> = manifest.files.iter().map(|file| file.role).collect();
    assert_eq!(roles, [Role::Model, Role::Companion]);
    assert_eq!(manifest.basis, Basis::OwnHash);
    let shown = provenance.source_spelling("https://REDACTED@host/Org/Repo".to_owned());
    assert_eq!(manifest.provenance(), shown);

    let bare = Provenance::default().revision("another".to_owned());
    let bare = publish(&catalog, bare);
    let text = fs::read_to_string(manifest_of(bare.path())).unwrap();
    for absent in ["role", "requested", "validators", "source_spelling"] {
        assert!(!text.contains(&format!("\"{absent}\"")), "{absent}: {text}");
    }
}

/// CAT-857, CAT-1011
#[test]
fn a_manifest_of_version_1_is_read_and_a_newer_one_is_left_untouched() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let artifact = publish(&catalog, Provenance::default());
    let entry = catalog.register(&artifact, Expected::Absent).unwrap();
    let path = manifest_of(&entry.local_path);
    let basis = || {
        let manifest = catalog.artifacts().manifest_at(&entry.local_path);
        manifest.unwrap().unwrap().basis
    };
    rewrite(&path, |text| {
        let old = text.replace("\"version\":2", "\"version\":1");
        old.replace("\"basis\":\"own_hash\"", "\"is_unproved\":true")
    });
    assert_eq!(basis(), Basis::OwnHash);
    rewrite(&path, |text| text.replace("\"is_unproved\":true,", ""));
    assert_eq!(basis(), Basis::SourceHash);

    rewrite(&path, |text| {
        text.replace("\"version\":1", "\"version\":4")
            .replace("\"files\":[", "\"files\":7,\"others\":[")
    });
    let newer = fs::read(&path).unwrap();
    let error = catalog.verify("hf:org/repo", Verify::Full, &mut |_| Ok(()));
    let error = error.unwrap_err();
    assert_eq!(error.code(), "store_too_new");
    let message = error.to_string();
    assert!(
        message.contains("written by a newer release") && message.contains("upgrade"),
        "{message}"
    );
    let refused = try_publish(&catalog, Provenance::default()).unwrap_err();
    assert_eq!(refused.code(), "store_too_new");
    assert_eq!(fs::read(&path).unwrap(), newer);
    assert!(catalog.get("hf:org/repo").unwrap().is_some());
}
