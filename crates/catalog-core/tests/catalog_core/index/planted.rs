//! Files and links that others leave at the store's own paths never lead a write out of the root.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use catalog_core::maintenance::{CollectionPolicy, Verify};
use catalog_core::managed::ModelLockAttempt;
use catalog_core::{CatalogStore, FsCatalog, ImportRequest, VerificationOutcomeKind};

use crate::util::{entry, model_id};

/// CAT-430
#[test]
fn a_link_planted_at_a_path_of_the_store_is_refused_and_its_target_untouched() {
    for planted in ["index.json", "locks", "locks/index.lock"] {
        for is_dangling in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("root");
            let victim = folder.path().join("victim");
            fs::create_dir(&root).unwrap();
            match (is_dangling, planted) {
                (true, _) => {}
                (false, "locks") => fs::create_dir(&victim).unwrap(),
                (false, _) => fs::write(&victim, "{}").unwrap(),
            }
            let path = root.join(planted);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            symlink(&victim, &path).unwrap();

            let put = FsCatalog::new(&root).and_then(|catalog| catalog.put(&entry("id", "m")));
            assert_eq!(
                put.unwrap_err().code(),
                "io",
                "{planted} dangling: {is_dangling}"
            );
            assert_eq!(victim.exists(), !is_dangling, "{planted}");
            if victim.is_file() {
                assert_eq!(fs::read(&victim).unwrap(), b"{}", "{planted}");
            } else if victim.is_dir() {
                assert_eq!(fs::read_dir(&victim).unwrap().count(), 0, "{planted}");
            }
        }
    }
}

/// CAT-430
#[test]
fn a_folder_or_pipe_planted_at_a_path_of_the_store_is_refused() {
    for planted in ["index.json", "locks/index.lock"] {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(planted)).unwrap();
        let put = FsCatalog::new(root.path()).and_then(|catalog| catalog.put(&entry("id", "m")));
        let error = put.unwrap_err();
        assert_eq!(error.code(), "io");
        assert!(error.to_string().contains(planted), "{error}");

        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(planted).parent().unwrap()).unwrap();
        std::os::unix::net::UnixListener::bind(root.path().join(planted)).unwrap();
        let put = FsCatalog::new(root.path()).and_then(|catalog| catalog.put(&entry("id", "m")));
        assert_eq!(put.unwrap_err().code(), "io");
    }
}

/// CAT-431
#[test]
fn the_root_itself_may_be_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    fs::create_dir(base.join("real")).unwrap();
    symlink("real", base.join("link")).unwrap();
    let catalog = FsCatalog::new(base.join("link")).unwrap();
    catalog
        .put(&entry("id", base.join("link/models/m")))
        .unwrap();
    let found = catalog.get("id").unwrap().unwrap().local_path;
    assert_eq!(
        found,
        base.join("real/models/m"),
        "below the root, however it is spelled"
    );
    let out = catalog
        .put(&entry("id", base.join("link/../m")))
        .unwrap_err();
    assert_eq!(out.code(), "path_refused");
}

/// CAT-430
#[test]
fn a_second_name_of_the_lock_file_is_replaced_and_its_other_name_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let victim = folder.path().join("victim");
    fs::create_dir_all(root.join("locks")).unwrap();
    fs::write(&victim, "precious").unwrap();
    fs::hard_link(&victim, root.join("locks/index.lock")).unwrap();
    let catalog = FsCatalog::new(&root).unwrap();
    catalog.put(&entry("id", "m")).unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert_eq!(fs::metadata(&victim).unwrap().nlink(), 1);
}

/// CAT-433
#[test]
fn a_backup_by_links_stops_nothing_and_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (root, source) = (folder.path().join("root"), folder.path().join("source"));
    fs::write(&source, "weights").unwrap();
    let catalog = FsCatalog::new(&root).unwrap();
    let import = |catalog: &FsCatalog, id: &str| {
        let id = model_id(id);
        let request = ImportRequest::new(&id, &source);
        catalog.import(&request, &mut |_| Ok(())).unwrap();
    };
    import(&catalog, "kept");
    import(&catalog, "deleted");
    catalog.pin(&model_id("kept"), "tests", "a backup").unwrap();
    assert!(matches!(
        catalog.try_lock_model(&model_id("kept")).unwrap(),
        ModelLockAttempt::Begun(_)
    ));
    let mut handles = vec![catalog];
    for number in 0..2 {
        let backup = folder.path().join(format!("backup-{number}"));
        let copied = Command::new("cp")
            .arg("-al")
            .args([&root, &backup])
            .status();
        assert!(copied.unwrap().success());
        let before = contents(&backup);
        handles.push(FsCatalog::new(&root).unwrap());
        for (at, catalog) in handles.iter().enumerate() {
            let name = format!("{number}-{at}");
            catalog.put(&entry(&name, "m")).unwrap();
            import(catalog, &format!("new-{name}"));
            let lock = catalog.try_lock_model(&model_id("kept")).unwrap();
            assert!(matches!(lock, ModelLockAttempt::Begun(_)));
            let verified = catalog.verify("kept", Verify::Full, &mut |_| Ok(()));
            assert_eq!(
                verified.unwrap().outcome.kind,
                VerificationOutcomeKind::Pass
            );
        }
        handles[0].delete("deleted").unwrap();
        let plan = handles[0].plan_collection(&CollectionPolicy::default());
        let done = handles[0].collect(&plan.unwrap()).unwrap();
        assert!(done.spared.is_empty(), "{:?}", done.spared);
        assert!(contents(&backup) == before, "the backup changed");
        import(&handles[0], "deleted");
    }
    let backup = FsCatalog::new(folder.path().join("backup-1")).unwrap();
    assert!(backup.get("1-0").unwrap().is_none() && backup.get("0-0").unwrap().is_some());
}

/// The bytes of all files below a folder.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => drop(all.insert(path.clone(), fs::read(path).unwrap())),
            }
        }
    }
    all
}

/// CAT-432
#[test]
fn opening_a_root_creates_nothing_but_the_root() {
    let folder = tempfile::tempdir().unwrap();
    FsCatalog::new(folder.path().join("stray/../root")).unwrap();
    assert_eq!(crate::util::names_in(folder.path()), ["root"]);
}
