use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use catalog_core::{CatalogStore, FsCatalog, rebuild, recover};

use crate::util::{model_id, names_in, replacing};

fn import(catalog: &FsCatalog, folder: &Path, id: &str, content: &str) {
    let source = folder.join("source.bin");
    fs::write(&source, content).unwrap();
    catalog
        .import(&replacing(catalog, &model_id(id), &source), &mut |_| Ok(()))
        .unwrap();
}

/// CAT-870
#[test]
fn a_lost_index_is_made_again_from_what_is_whole_and_the_rest_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let catalog = FsCatalog::new(&root).unwrap();
    for id in ["good", "rotten", "cut", "kept"] {
        import(&catalog, folder.path(), id, id);
    }
    import(&catalog, folder.path(), "good", "better");
    let before = catalog.list().unwrap();
    let path = |id: &str| catalog.get(id).unwrap().unwrap().local_path;
    let rotten = path("rotten");
    fs::set_permissions(&rotten, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&rotten, "ROTTEN").unwrap();
    let manifest = path("cut")
        .parent()
        .unwrap()
        .with_file_name("manifest.json");
    let text = fs::read(&manifest).unwrap();
    fs::write(&manifest, &text[..text.len() / 2]).unwrap();
    let lose_index = || {
        for name in names_in(&root) {
            if name.starts_with("index.json") {
                fs::remove_file(root.join(name)).unwrap();
            }
        }
        let error = FsCatalog::new(&root).unwrap_err();
        assert_eq!(error.code(), "index_damaged", "{error}");
    };
    lose_index();
    assert!(recover(&root).unwrap().models.was_damaged);
    let kept = before.iter().find(|entry| entry.id == "kept").unwrap();
    FsCatalog::new(&root).unwrap().put(kept).unwrap();

    let report = rebuild(&root).unwrap();
    assert_eq!(report.restored, ["good"]);
    assert_eq!(report.kept, ["kept"]);
    assert_eq!(report.rejected.len(), 3, "{report:?}");
    let good = FsCatalog::new(&root).unwrap().get("good").unwrap().unwrap();
    assert_eq!(
        fs::read(&good.local_path).unwrap(),
        b"better",
        "the later one"
    );
    let old = before.iter().find(|entry| entry.id == "good").unwrap();
    assert_eq!(
        (good.digest, good.local_path),
        (old.digest.clone(), old.local_path.clone())
    );
    assert_eq!(rebuild(&root).unwrap().restored, Vec::<String>::new());

    // Without `recover` before it, an index that was lost becomes an empty one first.
    lose_index();
    let report = rebuild(&root).unwrap();
    assert_eq!(report.restored, ["good", "kept"]);
    assert_eq!(report.rejected.len(), 3, "{report:?}");
}
