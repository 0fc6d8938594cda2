//! Files that are no part of a model.

use std::fs;

use catalog_core::{
    Digest, Expectation, FsCatalog, Hasher, ImportRequest, LocalModel, Staging,
    VerificationOutcomeKind,
};

use crate::util::{model_id, names_in};

fn catalog() -> (tempfile::TempDir, FsCatalog) {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    (root, catalog)
}

fn write(staging: &mut Staging, name: &str, content: &[u8]) {
    let path = staging.folder().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// CAT-804
#[test]
fn what_tools_leave_beside_a_model_is_no_part_of_it() {
    let (_root, catalog) = catalog();
    let mut staging = catalog.artifacts().stage(&model_id("id"), 0).unwrap();
    write(&mut staging, "a.bin", b"bytes");
    for name in [
        ".git/x",
        ".gitattributes",
        ".cache/huggingface/x",
        "._a.bin",
        ".DS_Store",
        "__MACOSX/x",
        "a.bin.lock",
    ] {
        let path = staging.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    let artifact = staging
        .verify(&Expectation::default(), &mut |_| Ok(()))
        .unwrap()
        .publish()
        .unwrap();
    assert!(artifact.path().ends_with("files/a.bin"));
    assert_eq!(names_in(artifact.path().parent().unwrap()), ["a.bin"]);
}

/// CAT-804
#[test]
fn what_an_earlier_release_published_is_published_again_with_all_its_files() {
    let (_root, catalog) = catalog();
    let stage = |files: &[&str]| {
        let mut staging = catalog.artifacts().stage(&model_id("id"), 0).unwrap();
        for name in files {
            write(&mut staging, name, name.as_bytes());
        }
        staging
    };
    // As a repair of such an artifact expects: by name.
    let mut by_name = Expectation::default();
    for name in ["a.bin", ".gitattributes"] {
        let mut hash = Hasher::new();
        hash.update(name.as_bytes());
        by_name.files.insert(name.to_owned(), hash.finish());
    }
    let staging = stage(&["a.bin", ".gitattributes", ".DS_Store"]);
    let verified = staging.verify(&by_name, &mut |_| Ok(())).unwrap();
    let names: Vec<&str> = verified
        .manifest()
        .files
        .iter()
        .map(|file| &*file.name)
        .collect();
    assert_eq!(names, [".gitattributes", "a.bin"]);
    let of_first_edition = verified.manifest().tree_digest();
    drop(verified);

    // As a pin of such an artifact expects: by the tree digest of all files.
    let by_digest = Expectation::default().digest(of_first_edition.clone());
    let staging = stage(&["a.bin", ".gitattributes"]);
    let verified = staging.verify(&by_digest, &mut |_| Ok(())).unwrap();
    assert_eq!(verified.manifest().tree_digest(), of_first_edition);
    drop(verified);
    let staging = stage(&["a.bin", ".gitattributes", ".DS_Store"]);
    let error = staging.verify(&by_digest, &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.code(), "digest_mismatch");
}

/// CAT-804
#[test]
fn a_single_file_that_is_no_part_of_a_model_is_refused_by_its_name() {
    let (root, catalog) = catalog();
    let source = root.path().join("weights.lock");
    fs::write(&source, "weights").unwrap();
    let id = model_id("id");
    let error = catalog.import(&ImportRequest::new(&id, &source), &mut |_| Ok(()));
    let error = error.unwrap_err();
    assert_eq!(error.code(), "name_refused");
    assert!(error.to_string().contains("weights.lock"), "{error}");
}

/// CAT-230
#[test]
fn a_folder_that_the_first_edition_pinned_still_passes() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    fs::create_dir(&model).unwrap();
    let files = [(".gitattributes", "text"), ("m.bin", "weights")];
    let mut tree = Hasher::new();
    tree.update(b"model-tree/sha256/v1\0");
    tree.update(&2_u64.to_be_bytes());
    for (name, text) in files {
        fs::write(model.join(name), text).unwrap();
        let digest = Digest::of_file(&model.join(name)).unwrap();
        tree.update(&(name.len() as u64).to_be_bytes());
        tree.update(name.as_bytes());
        tree.update(&(text.len() as u64).to_be_bytes());
        tree.update(&hex::decode(digest.value).unwrap());
    }
    let mut pinned = tree.finish();
    pinned.algo = "sha256-tree".to_owned();
    assert_ne!(pinned, Digest::of_tree(&model).unwrap());
    let resolved = LocalModel::resolve(&model).unwrap();
    let compare = |expected: &Digest| {
        let compared = resolved.compare(expected, Some(expected), &mut |_| Ok(()));
        compared.unwrap().outcome.kind == VerificationOutcomeKind::Pass
    };
    assert!(compare(&pinned));
    assert!(compare(&Digest::of_tree(&model).unwrap()));
    pinned.value.replace_range(
        ..1,
        if pinned.value.starts_with('0') {
            "1"
        } else {
            "0"
        },
    );
    assert!(!compare(&pinned));
}
