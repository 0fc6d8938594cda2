//! An artifact that is there already, and damaged, when its model is imported again.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use catalog_core::maintenance::Verify;
use catalog_core::{
    CatalogEntry, CatalogError, CatalogStore, FsCatalog, Import, ImportRequest, StoreOptions,
};

use crate::util::model_id;

fn import(catalog: &FsCatalog, id: &str, source: &Path) -> Result<CatalogEntry, CatalogError> {
    catalog.import(&ImportRequest::new(&model_id(id), source), &mut |_| Ok(()))
}

fn impatient(root: &Path) -> FsCatalog {
    let options = StoreOptions::default().lock_wait(Duration::from_millis(50));
    FsCatalog::open(root, options).unwrap()
}

/// CAT-857
#[test]
fn a_damaged_manifest_is_replaced_only_without_a_lease() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("m.bin");
    fs::write(&source, "weights").unwrap();
    let catalog = impatient(&folder.path().join("root"));
    let entry = import(&catalog, "a", &source).unwrap();
    let manifest = entry
        .local_path
        .parent()
        .unwrap()
        .with_file_name("manifest.json");
    let lease = catalog.lease("a").unwrap();
    let damaged = fs::read_to_string(&manifest)
        .unwrap()
        .replace("weights", "Weights");
    fs::write(&manifest, damaged.replacen("own_hash", "own_hasH", 1)).unwrap();

    let refused = import(&catalog, "a", &source).unwrap_err();
    assert_eq!(refused.code(), "in_use");
    assert_eq!(catalog.delete("a").unwrap_err().code(), "artifact_kept");
    assert!(lease.path().exists());

    drop(lease);
    import(&catalog, "a", &source).unwrap();
    let lease = catalog.lease("a").unwrap();
    assert_eq!(catalog.delete("a").unwrap_err().code(), "artifact_kept");
    assert!(lease.path().exists());
}

/// CAT-857
#[test]
fn what_lies_in_the_place_of_a_file_goes_to_quarantine() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("m.bin");
    fs::write(&source, "weights").unwrap();
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("m.bin"), "weights").unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let path = import(&catalog, "a", &source).unwrap().local_path;
    let files = path.parent().unwrap().to_path_buf();
    let plants: [&dyn Fn(); 3] = [
        &|| {
            fs::remove_file(&path).unwrap();
            fs::create_dir_all(path.join("folder")).unwrap();
        },
        &|| {
            fs::remove_dir_all(&files).unwrap();
            symlink(&outside, &files).unwrap();
        },
        &|| {
            fs::remove_dir_all(&files).unwrap();
            fs::write(&files, "a file").unwrap();
        },
    ];
    for (number, plant) in plants.iter().enumerate() {
        plant();
        let verified = catalog.verify("a", Verify::Full, &mut |_| Ok(())).unwrap();
        assert!(
            verified
                .outcome
                .reason
                .unwrap()
                .contains("m.bin is missing")
        );
        assert_eq!(import(&catalog, "a", &source).unwrap().local_path, path);
        assert_eq!(fs::read(&path).unwrap(), b"weights");
        assert_eq!(fs::read(outside.join("m.bin")).unwrap(), b"weights");
        assert_eq!(catalog.quarantined().unwrap().len(), number + 1);
    }
}

/// CAT-853
#[test]
fn a_file_behind_a_link_is_shared_by_nobody_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("model");
    let original = source.join("sub/m.bin");
    fs::create_dir_all(original.parent().unwrap()).unwrap();
    fs::write(&original, "weights").unwrap();
    fs::write(source.join("config.json"), "{}").unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let mut paths = Vec::new();
    for id in ["a", "b"] {
        let id = model_id(id);
        let mut request = ImportRequest::new(&id, &source);
        request.how = Import::HardLink;
        paths.push(
            catalog
                .import(&request, &mut |_| Ok(()))
                .unwrap()
                .local_path,
        );
    }
    let linked = paths[1].join("sub");
    fs::remove_dir_all(&linked).unwrap();
    symlink(original.parent().unwrap(), &linked).unwrap();
    fs::set_permissions(&original, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&original, "WEIGHTS").unwrap();

    let verified = catalog.verify("a", Verify::Full, &mut |_| Ok(())).unwrap();
    assert_eq!(verified.quarantined.len(), 1);
    assert_eq!(fs::read(&original).unwrap(), b"WEIGHTS");
}
