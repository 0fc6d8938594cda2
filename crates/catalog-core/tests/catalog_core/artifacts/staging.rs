use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use catalog_core::{
    Artifact, CatalogError, CatalogStore, Digest, EntryPoint, Expectation, FsCatalog, Provenance,
    Staging,
};

use crate::util::{model_id, names_in};

fn catalog() -> (tempfile::TempDir, FsCatalog) {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    (root, catalog)
}

fn write(staging: &mut Staging, name: &str, content: &[u8]) {
    let mut file = staging.create(name).unwrap();
    file.write_all(content).unwrap();
    file.finish().unwrap();
}

fn verify(staging: Staging) -> Result<catalog_core::VerifiedStaging, CatalogError> {
    staging.verify(&Expectation::default(), &mut |_| Ok(()))
}

fn publish(catalog: &FsCatalog, id: &str) -> Artifact {
    let mut staging = catalog.artifacts().stage(&model_id(id), 0).unwrap();
    write(&mut staging, "m.bin", b"weights");
    verify(staging).unwrap().publish().unwrap()
}

/// CAT-800
#[test]
fn what_is_published_appears_whole_read_only_and_with_its_manifest() {
    let (root, catalog) = catalog();
    let mut staging = catalog
        .artifacts()
        .stage(&model_id("hf:org/repo"), 0)
        .unwrap();
    write(&mut staging, "config.json", b"{}");
    write(&mut staging, "weights/a.bin", b"weights");
    staging.set_provenance(
        Provenance::default()
            .source("https://user:secret@host/repo?X-Amz-Signature=abc".to_owned())
            .revision("0123abcd".to_owned())
            .fetcher("test".to_owned()),
    );
    let artifact = verify(staging).unwrap().publish().unwrap();

    let path = artifact.path();
    assert_eq!(*artifact.digest(), Digest::of_tree(path).unwrap());
    assert_eq!(fs::read(path.join("weights/a.bin")).unwrap(), b"weights");
    let mode = fs::metadata(path.join("config.json"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o222, 0, "its files are read-only");
    let manifest = artifact.manifest();
    assert_eq!(manifest.id, "hf:org/repo");
    assert_eq!(manifest.revision.as_deref(), Some("0123abcd"));
    assert_eq!(manifest.fetcher, "test");
    let names: Vec<&str> = manifest.files.iter().map(|file| &*file.name).collect();
    assert_eq!(names, ["config.json", "weights/a.bin"]);
    assert_eq!(manifest.size(), 9);
    let text = fs::read_to_string(path.parent().unwrap().join("manifest.json")).unwrap();
    assert!(
        !text.contains("secret") && !text.contains("abc\""),
        "{text}"
    );
    assert!(text.lines().count() >= 3, "one file a line: {text}");
    assert!(names_in(&root.path().join("staging")).is_empty());
    let blob = Digest::of_file(&path.join("config.json")).unwrap().value;
    let blob = root
        .path()
        .join("blobs/sha256")
        .join(&blob[..2])
        .join(&blob);
    let inode = |path: &std::path::Path| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(&blob), inode(&path.join("config.json")));

    catalog.put(&artifact.entry()).unwrap();
    assert!(catalog.exists("hf:org/repo").unwrap());
}

/// CAT-800
#[test]
fn publishing_what_is_there_already_stores_nothing_twice() {
    let (root, catalog) = catalog();
    let publish = |id: &str| publish(&catalog, id);
    let first = publish("a");
    let again = publish("a");
    assert_eq!(first.path(), again.path());
    let other = publish("b");
    assert_ne!(
        first.path(),
        other.path(),
        "each model has a folder of its own"
    );
    let inode = |path: &std::path::Path| fs::metadata(path).unwrap().ino();
    assert_eq!(
        inode(first.path()),
        inode(other.path()),
        "its bytes are there once"
    );
    assert_eq!(names_in(&root.path().join("artifacts")).len(), 2);
}

/// CAT-800
#[test]
fn what_is_handed_out_is_what_was_asked_for() {
    let (_root, catalog) = catalog();
    let publish = |entry_point| {
        let mut staging = catalog.artifacts().stage(&model_id("id"), 0).unwrap();
        // Of the same bytes, so that they are one blob.
        write(&mut staging, "a.bin", b"bytes");
        write(&mut staging, "b.bin", b"bytes");
        let expected = Expectation::default().entry_point(entry_point);
        staging
            .verify(&expected, &mut |_| Ok(()))
            .and_then(|verified| verified.publish())
    };
    let folder = publish(EntryPoint::Folder).unwrap();
    assert!(folder.path().ends_with("files"));
    let file = publish(EntryPoint::File("b.bin".to_owned())).unwrap();
    assert!(file.path().ends_with("files/b.bin"));
    let typo = publish(EntryPoint::File("c.bin".to_owned())).unwrap_err();
    assert_eq!(typo.code(), "artifact_incomplete");
    assert!(typo.to_string().contains("c.bin"), "{typo}");
}

/// CAT-801
#[test]
fn names_that_lead_elsewhere_are_refused_and_those_that_linux_holds_are_not() {
    let (_root, catalog) = catalog();
    let mut staging = catalog.artifacts().stage(&model_id("id"), 0).unwrap();
    for name in [
        "", ".", "..", "../x", "a/../x", "/etc/x", "a//b", "a/", "a\\b", "C:x", "a\0b", "a\nb",
    ] {
        let error = staging.create(name).unwrap_err();
        assert_eq!(error.code(), "name_refused", "{name:?}: {error}");
    }
    assert_eq!(fs::read_dir(staging.folder()).unwrap().count(), 0);

    for name in [
        "CON",
        "nul.txt",
        "COM¹",
        "a.",
        "a ",
        "ab:c",
        "x?",
        "Model.bin",
        "model.bin",
    ] {
        write(&mut staging, name, name.as_bytes());
    }
    verify(staging).unwrap();
}

/// CAT-801
#[test]
fn links_devices_and_empty_folders_are_refused_and_leave_nothing() {
    let (root, catalog) = catalog();
    let victim = root.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    for plant in [
        |folder: &std::path::Path, victim: &std::path::Path| symlink(victim, folder.join("a")),
        |folder: &std::path::Path, _: &std::path::Path| symlink("/etc", folder.join("a")),
        |folder: &std::path::Path, _: &std::path::Path| {
            std::os::unix::net::UnixListener::bind(folder.join("a")).map(drop)
        },
        |_: &std::path::Path, _: &std::path::Path| Ok(()),
    ] {
        let staging = catalog.artifacts().stage(&model_id("id"), 0).unwrap();
        plant(&staging.folder(), &victim).unwrap();
        let error = verify(staging).unwrap_err();
        assert_eq!(error.code(), "artifact_unusable", "{error}");
    }
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert!(names_in(&root.path().join("staging")).is_empty());
    assert!(!root.path().join("artifacts").exists());
}

/// CAT-802
#[test]
fn bytes_that_are_not_the_expected_ones_are_never_published() {
    let (root, catalog) = catalog();
    let stage = || {
        let mut staging = catalog.artifacts().stage(&model_id("id"), 0).unwrap();
        write(&mut staging, "a.bin", b"bytes");
        // By another program: hashed when it is verified.
        fs::write(staging.folder().join("b.bin"), "others").unwrap();
        staging
    };
    let tree = verify(stage()).unwrap().manifest().digest.clone();
    let sha512 = {
        let file = root.path().join("x");
        fs::write(&file, "others").unwrap();
        let algorithm = catalog_core::DigestAlgorithm::Sha512;
        Digest::compute(&file, algorithm, &mut |_| {}).unwrap()
    };
    let wrong = Digest {
        value: "0".repeat(64),
        ..tree.clone()
    };
    let file = |name: &str, digest: &Digest| BTreeMap::from([(name.to_owned(), digest.clone())]);
    let expect = |digest: Option<&Digest>, files| {
        Expectation::default()
            .digest(digest.cloned())
            .files(files)
            .entry_point(EntryPoint::Natural)
    };
    let code = |expected: &Expectation| match stage().verify(expected, &mut |_| Ok(())) {
        Ok(_) => "ok",
        Err(error) => error.code(),
    };
    assert_eq!(code(&expect(Some(&tree), BTreeMap::new())), "ok");
    assert_eq!(code(&expect(None, file("b.bin", &sha512))), "ok");
    assert_eq!(
        code(&expect(Some(&wrong), BTreeMap::new())),
        "digest_mismatch"
    );
    assert_eq!(
        code(&expect(None, file("a.bin", &sha512))),
        "digest_mismatch"
    );
    assert_eq!(
        code(&expect(None, file("c.bin", &sha512))),
        "artifact_incomplete"
    );
    let of_a_file = Some(&sha512);
    assert_eq!(code(&expect(of_a_file, BTreeMap::new())), "invalid_digest");
    assert!(!root.path().join("artifacts").exists());
    assert!(names_in(&root.path().join("staging")).is_empty());
}

/// CAT-802
#[test]
fn a_file_that_is_touched_after_it_was_verified_is_not_published() {
    let (_root, catalog) = catalog();
    let mut staging = catalog.artifacts().stage(&model_id("id"), 0).unwrap();
    write(&mut staging, "a.bin", b"bytes");
    let path = staging.folder().join("a.bin");
    let verified = verify(staging).unwrap();
    fs::write(&path, "other bytes").unwrap();
    assert_eq!(verified.publish().unwrap_err().code(), "artifact_changed");
}

/// CAT-803
#[test]
fn a_rotten_blob_is_replaced_and_not_shared() {
    let (root, catalog) = catalog();
    let publish = |id: &str| publish(&catalog, id);
    let first = publish("a");
    fs::set_permissions(first.path(), fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(first.path(), "weighty").unwrap();
    let second = publish("b");
    assert_eq!(fs::read(second.path()).unwrap(), b"weights");
    assert_eq!(
        *second.digest(),
        Digest::of_file(second.path()).unwrap(),
        "the copy that had rotted under the same name was not taken for it"
    );
    // And what was there already is made whole by publishing it once more.
    let again = publish("a");
    assert_eq!(again.path(), first.path());
    assert_eq!(fs::read(again.path()).unwrap(), b"weights");
    drop(root);
}

/// CAT-804
#[test]
fn a_symbolic_link_planted_in_the_place_of_a_folder_of_the_store_is_refused() {
    for folder in ["staging", "artifacts", "blobs", "quarantine"] {
        let (root, catalog) = catalog();
        let elsewhere = tempfile::tempdir().unwrap();
        symlink(elsewhere.path(), root.path().join(folder)).unwrap();
        let outcome = catalog
            .artifacts()
            .stage(&model_id("id"), 0)
            .and_then(|mut staging| {
                let mut file = staging.create("a.bin")?;
                file.write_all(b"bytes").unwrap();
                file.finish()?;
                staging
                    .verify(&Expectation::default(), &mut |_| Ok(()))?
                    .publish()
            });
        assert!(outcome.is_err() || folder == "quarantine", "{folder}");
        assert!(names_in(elsewhere.path()).is_empty(), "{folder}");
    }
}

/// CAT-805
#[test]
fn the_folder_of_an_artifact_is_named_as_the_format_says() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    // Computed from the specification by another program.
    for (revision, key) in [
        (
            None,
            "151bb4e028e3350000288131d2b3bba5719359d1aed19d4227f08ab55600631f",
        ),
        (
            Some("v1"),
            "20c7425e8276630e315f3c1c8acdcb96da40fbfb745b7b84590956965587e113",
        ),
    ] {
        let mut staging = catalog.artifacts().stage(&model_id("m"), 0).unwrap();
        std::fs::write(staging.folder().join("model.bin"), "weights").unwrap();
        staging.set_provenance(Provenance::default().revision(revision.map(str::to_owned)));
        let verified = staging.verify(&Expectation::default(), &mut |_| Ok(()));
        let artifact = verified.unwrap().publish().unwrap();
        let folder = artifact.path().ancestors().nth(2).unwrap();
        assert_eq!(folder.file_name().unwrap(), key);
        assert!(catalog.artifacts().open(key).unwrap().is_some());
    }
}
