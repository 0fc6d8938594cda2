use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use catalog_core::{
    CatalogEntry, CatalogError, CatalogStore, Digest, DigestAlgorithm, Expectation, Expected,
    FsCatalog, Import, ImportRequest, Sharing,
};

use crate::util::{model_id, names_in};

fn here() -> (tempfile::TempDir, FsCatalog) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    (folder, catalog)
}

fn import(
    catalog: &FsCatalog,
    id: &str,
    source: &Path,
    how: Import,
) -> Result<catalog_core::CatalogEntry, CatalogError> {
    let model = model_id(id);
    let mut request = ImportRequest::new(&model, source);
    request.how = how;
    catalog.import(&request, &mut |_| Ok(()))
}

/// CAT-810
#[test]
fn a_file_is_imported_under_its_name_and_the_original_is_left_alone() {
    let (folder, catalog) = here();
    let source = folder.path().join("notes.bin");
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n >> 3) as u8).collect();
    fs::write(&source, &content).unwrap();
    for how in [Import::Auto, Import::Copy, Import::HardLink] {
        let id = format!("{how:?}");
        let entry = import(&catalog, &id, &source, how).unwrap();
        assert!(entry.local_path.ends_with("files/notes.bin"));
        assert_eq!(entry.digest, Some(Digest::of_file(&source).unwrap()));
        assert!(fs::read(&entry.local_path).unwrap() == content);
        assert_eq!(catalog.get(&id).unwrap(), Some(entry));
    }
    let mode = fs::metadata(&source).unwrap().permissions().mode();
    assert_ne!(mode & 0o200, 0, "the original can be written still");
}

/// CAT-810
#[test]
fn a_hard_link_shares_the_original_and_is_no_blob() {
    let (folder, catalog) = here();
    let source = folder.path().join("notes.bin");
    fs::write(&source, "weights").unwrap();
    let entry = import(&catalog, "a", &source, Import::HardLink).unwrap();
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(&entry.local_path), inode(&source));
    let manifests = catalog.artifacts().manifests().unwrap();
    let [Ok(manifest)] = manifests
        .iter()
        .map(|stored| &stored.manifest)
        .collect::<Vec<_>>()[..]
    else {
        panic!("one artifact");
    };
    assert_eq!(manifest.files[0].shares, Sharing::Inode);
    let copy = import(&catalog, "b", &source, Import::Copy).unwrap();
    assert_ne!(inode(&copy.local_path), inode(&source));
}

/// CAT-811
#[test]
fn a_folder_is_imported_with_empty_and_sparse_files_and_what_links_lead_to() {
    let (folder, catalog) = here();
    let source = folder.path().join("model");
    fs::create_dir_all(source.join("sub")).unwrap();
    fs::write(source.join("config.json"), "{}").unwrap();
    fs::write(source.join("sub/empty"), "").unwrap();
    fs::write(folder.path().join("elsewhere"), "linked").unwrap();
    symlink("../elsewhere", source.join("linked.bin")).unwrap();
    let sparse = File::create(source.join("sparse.bin")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    std::os::unix::fs::FileExt::write_at(&sparse, b"end", 40 << 20).unwrap();

    let entry = import(&catalog, "id", &source, Import::Copy).unwrap();
    assert_eq!(entry.digest, Some(Digest::of_tree(&source).unwrap()));
    let files = &entry.local_path;
    assert_eq!(
        names_in(files),
        ["config.json", "linked.bin", "sparse.bin", "sub"]
    );
    assert_eq!(fs::read(files.join("linked.bin")).unwrap(), b"linked");
    assert!(!files.join("linked.bin").is_symlink());
    let copied = fs::metadata(files.join("sparse.bin")).unwrap();
    assert_eq!(copied.len(), 64 << 20);
    assert!(copied.blocks() * 512 < 8 << 20, "its holes are holes");
}

/// CAT-812
#[test]
fn a_source_that_changes_while_it_is_read_is_an_error_and_leaves_nothing() {
    let (folder, catalog) = here();
    let source = folder.path().join("notes.bin");
    for how in [Import::Copy, Import::HardLink] {
        fs::write(&source, vec![1; 4 << 20]).unwrap();
        let model = model_id("id");
        let mut request = ImportRequest::new(&model, &source);
        request.how = how;
        let mut is_touched = false;
        let outcome = catalog.import(&request, &mut |_| {
            if !std::mem::replace(&mut is_touched, true) {
                fs::write(&source, vec![2; (4 << 20) + 1]).unwrap();
            }
            Ok(())
        });
        assert_eq!(outcome.unwrap_err().code(), "artifact_changed", "{how:?}");
    }
    assert_eq!(catalog.get("id").unwrap(), None);
    assert!(names_in(&catalog.root().join("staging")).is_empty());
}

/// CAT-812
#[test]
fn an_import_tells_its_progress_and_can_be_stopped() {
    let (folder, catalog) = here();
    let source = folder.path().join("notes.bin");
    fs::write(&source, vec![7; 5 << 20]).unwrap();
    let mut seen = Vec::new();
    catalog
        .import(
            &ImportRequest::new(&model_id("id"), &source),
            &mut |progress| {
                seen.push((progress.done, progress.total));
                Ok(())
            },
        )
        .unwrap();
    assert!(seen.is_sorted() && seen.len() > 1);
    assert_eq!(seen.last(), Some(&(5 << 20, Some(5 << 20))));

    let stopped = catalog.import(
        &ImportRequest::new(&model_id("other"), &source),
        &mut |_| Err(CatalogError::Cancelled),
    );
    assert_eq!(stopped.unwrap_err().code(), "cancelled");
    assert_eq!(catalog.get("other").unwrap(), None);
    assert!(names_in(&catalog.root().join("staging")).is_empty());
}

/// CAT-813
#[test]
fn what_cannot_be_imported_is_a_typed_error() {
    let (folder, catalog) = here();
    let code = |source: &Path| {
        import(&catalog, "id", source, Import::Auto)
            .unwrap_err()
            .code()
    };
    assert_eq!(code(&folder.path().join("nothing")), "artifact_missing");
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert_eq!(code(&empty), "artifact_unusable");
    assert_eq!(code(Path::new("/dev/null")), "artifact_unusable");

    let source = folder.path().join("notes.bin");
    fs::write(&source, "weights").unwrap();
    let model = model_id("id");
    let mut request = ImportRequest::new(&model, &source);
    request.expected = Expectation::default().digest(
        format!("sha256:{}", "0".repeat(64))
            .parse::<Digest>()
            .unwrap(),
    );
    let outcome = catalog.import(&request, &mut |_| Ok(()));
    assert_eq!(outcome.unwrap_err().code(), "digest_mismatch");
    assert_eq!(catalog.get("id").unwrap(), None);
}

/// CAT-814
#[test]
fn one_model_under_two_ids_takes_its_space_once_and_each_lives_alone() {
    let (folder, catalog) = here();
    let source = folder.path().join("notes.bin");
    fs::write(&source, vec![3; 1 << 20]).unwrap();
    let [a, b] = ["a", "b"].map(|id| import(&catalog, id, &source, Import::Copy).unwrap());
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(&a.local_path), inode(&b.local_path));
    assert!(catalog.delete("a").unwrap());
    assert!(!a.local_path.exists());
    assert_eq!(fs::read(&b.local_path).unwrap().len(), 1 << 20);
    let blob = &b.digest.as_ref().unwrap().value;
    let blob = catalog
        .root()
        .join("blobs/sha256")
        .join(&blob[..2])
        .join(blob);
    assert!(blob.exists());
    assert!(catalog.delete("b").unwrap());
    assert!(!blob.exists(), "the last one takes the bytes with it");
    assert!(names_in(&catalog.root().join("artifacts")).is_empty());
}

/// CAT-1055
#[test]
fn an_import_replaces_a_pinned_digest_only_on_purpose() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let catalog = FsCatalog::new(&root).unwrap();
    let (first, second) = (folder.path().join("1.bin"), folder.path().join("2.bin"));
    fs::write(&first, "first").unwrap();
    fs::write(&second, "second").unwrap();
    let id = model_id("m");
    let import = |request: &ImportRequest<'_>| catalog.import(request, &mut |_| Ok(()));
    let old = import(&ImportRequest::new(&id, &first)).unwrap();

    let error = import(&ImportRequest::new(&id, &second)).unwrap_err();
    assert_eq!(error.code(), "digest_mismatch");
    assert!(error.to_string().contains("digest mismatch"), "{error}");
    assert_eq!(catalog.get("m").unwrap(), Some(old.clone()));
    assert_eq!(names_in(&root.join("artifacts")).len(), 1);
    assert_eq!(names_in(&root.join("staging")).len(), 0);
    import(&ImportRequest::new(&id, &first)).unwrap();

    let mut given = ImportRequest::new(&id, &second);
    given.expected.digest = Some(Digest::of_file(&second).unwrap());
    let new = import(&given).unwrap();
    assert_eq!(new.digest, given.expected.digest);
    let mut expecting = ImportRequest::new(&id, &first);
    expecting.entry = Expected::Exactly(&new);
    assert_eq!(import(&expecting).unwrap().digest, old.digest);

    // In the algorithm of the pin.
    let sha512 = Digest::compute(&second, DigestAlgorithm::Sha512, &mut |_| {}).unwrap();
    let pinned = CatalogEntry {
        digest: Some(sha512),
        ..new
    };
    catalog.put(&pinned).unwrap();
    let error = import(&ImportRequest::new(&id, &first)).unwrap_err();
    assert_eq!(error.code(), "digest_mismatch");
    import(&ImportRequest::new(&id, &second)).unwrap();
}

/// CAT-1056
#[test]
fn an_import_happens_only_if_the_entry_is_as_expected() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let source = folder.path().join("m.bin");
    fs::write(&source, "weights").unwrap();
    let id = model_id("m");
    let mut request = ImportRequest::new(&id, &source);
    request.entry = Expected::Present;
    let error = catalog.import(&request, &mut |_| panic!("a byte was read"));
    assert_eq!(error.unwrap_err().code(), "conflict");
    request.entry = Expected::Absent;
    // Another caller registers it while the bytes are copied.
    let outcome = catalog.import(&request, &mut |_| {
        catalog.put(&crate::util::entry("m", &source))
    });
    assert_eq!(outcome.unwrap_err().code(), "conflict");
    assert_eq!(catalog.get("m").unwrap().unwrap().local_path, source);
    // Without an expectation, a digest that was pinned meanwhile is not lost.
    request.entry = Expected::Any;
    let pinned = CatalogEntry {
        digest: Some(format!("sha256:{}", "0f".repeat(32)).parse().unwrap()),
        ..crate::util::entry("m", &source)
    };
    let outcome = catalog.import(&request, &mut |_| catalog.put(&pinned));
    assert_eq!(outcome.unwrap_err().code(), "conflict");
    assert_eq!(catalog.get("m").unwrap(), Some(pinned));
}
