use std::fs;

use catalog_core::maintenance::Verify;
use catalog_core::{
    CatalogStore, Digest, FsCatalog, ImportRequest, LocalModel, Role, VerificationOutcomeKind,
};

use crate::util::{model_id, names_in};

/// CAT-829
#[test]
fn a_projector_is_imported_beside_its_model_and_is_not_in_the_digest() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("m.gguf");
    let projector = folder.path().join("mmproj-m-f16.gguf");
    fs::write(&source, "weights").unwrap();
    fs::write(&projector, "projector").unwrap();
    let model = LocalModel::resolve(&source).unwrap();
    assert_eq!(
        model.companions().unwrap(),
        std::slice::from_ref(&projector)
    );

    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let id = model_id("id");
    let mut request = ImportRequest::new(&id, &source);
    request.expected.digest = Some(Digest::of_file(&source).unwrap());
    let entry = catalog.import(&request, &mut |_| Ok(())).unwrap();
    assert!(entry.local_path.ends_with("m.gguf"));
    let imported = LocalModel::resolve(&entry.local_path).unwrap();
    assert_eq!(imported.companions().unwrap().len(), 1);
    let beside = entry.local_path.parent().unwrap();
    assert_eq!(names_in(beside), ["m.gguf", "mmproj-m-f16.gguf"]);
    let manifest = catalog.artifacts().manifest_at(&entry.local_path).unwrap();
    let manifest = manifest.unwrap();
    assert_eq!(manifest.digest, Digest::of_file(&source).unwrap());
    let roles: Vec<Role> = manifest.files.iter().map(|file| file.role).collect();
    assert_eq!(roles, [Role::Model, Role::Companion]);
    let verified = catalog.verify("id", Verify::Full, &mut |_| Ok(())).unwrap();
    assert_eq!(verified.outcome.kind, VerificationOutcomeKind::Pass);
    assert_eq!(verified.hashed, 16, "companions are verified, too");

    // The same model without a projector is another artifact.
    fs::remove_file(&projector).unwrap();
    let entry = catalog.import(&request, &mut |_| Ok(())).unwrap();
    assert_eq!(names_in(entry.local_path.parent().unwrap()), ["m.gguf"]);
    assert!(catalog.delete("id").unwrap());
}
