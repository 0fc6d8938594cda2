//! The vectors are those of `.specs/digest.md`, made by `tests/fixtures/tree_digest_vectors.py`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use catalog_core::{CatalogError, Digest, DigestAlgorithm};

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        write(folder.path(), name, content);
    }
    folder
}

fn digest(folder: &Path) -> String {
    Digest::of_tree(folder).unwrap().to_string()
}

/// CAT-230
#[test]
fn the_tree_digest_has_the_specified_values() {
    let spec = include_str!("../../../../../.specs/digest.md");
    let big: Vec<u8> = (0..=255u8).cycle().take(2 << 20).collect();
    type Files<'f> = &'f [(&'f str, &'f [u8])];
    let cases: [(&str, Files<'_>); 6] = [
        ("no file", &[]),
        ("one empty file", &[("a", b"")]),
        ("one file", &[("a", b"abc")]),
        ("two files", &[("b", b"2"), ("a", b"1")]),
        (
            "nested",
            &[("a/b", b"1"), ("a.b", b"2"), ("a/c/d", b"3"), ("ä", b"4")],
        ),
        (
            "two MiB",
            &[("model.safetensors", &big), ("config.json", b"{}")],
        ),
    ];
    for (title, files) in cases {
        let row = format!("| {title} | `{}` |", digest(tree(files).path()));
        assert!(spec.contains(&row), "the specification has the row {row}");
    }
}

/// CAT-231
#[test]
fn only_names_sizes_and_bytes_matter() {
    let model = tree(&[
        ("config.json", b"{}"),
        ("weights/1", b"one"),
        ("weights/2", b"two"),
    ]);
    let expected = digest(model.path());

    let other = tree(&[
        ("weights/2", b"two"),
        ("weights/1", b"one"),
        ("config.json", b"{}"),
    ]);
    fs::create_dir(other.path().join("empty")).unwrap();
    let path = other.path().join("weights/1");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    let file = fs::File::open(&path).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    for name in [
        ".git/HEAD",
        ".gitattributes",
        "weights/.gitignore",
        ".cache/huggingface/x",
        "weights/.cache/x",
        "._config.json",
        "weights/.DS_Store",
        "__MACOSX/config.json",
        "config.json.lock",
    ] {
        write(other.path(), name, "no part of a model");
    }
    assert_eq!(
        digest(other.path()),
        expected,
        "order, times, modes, tools' own files"
    );

    let linked = tree(&[
        ("blobs/c", b"{}"),
        ("blobs/1", b"one"),
        ("snapshot/weights/2", b"two"),
    ]);
    let snapshot = linked.path().join("snapshot");
    symlink("../blobs/c", snapshot.join("config.json")).unwrap();
    symlink("../../blobs/1", snapshot.join("weights/1")).unwrap();
    assert_eq!(
        digest(&snapshot),
        expected,
        "links to files count as the files"
    );
}

/// CAT-231
#[test]
fn every_name_size_and_byte_matters() {
    let mut digests = vec![
        digest(tree(&[("a", b"1"), ("b", b"2")]).path()),
        digest(tree(&[("a", b"2"), ("b", b"1")]).path()),
        digest(tree(&[("a", b"1"), ("c", b"2")]).path()),
        digest(tree(&[("a", b"1"), ("B", b"2")]).path()),
        digest(tree(&[("a", b"1"), ("b/b", b"2")]).path()),
        digest(tree(&[("a", b"1")]).path()),
        digest(tree(&[("a", b"12")]).path()),
        digest(tree(&[("a", b"1"), ("b", b"")]).path()),
        digest(tree(&[("a", b"1"), ("sub/git/x", b"2")]).path()),
        digest(tree(&[("a", b"1"), ("cache/x", b"2")]).path()),
    ];
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count);
}

/// CAT-232
#[test]
fn a_folder_that_no_copy_could_stand_for_is_refused() {
    let other = tree(&[("x", b"")]);
    let refuses = |prepare: &dyn Fn(&Path)| {
        let folder = tree(&[("a", b"1")]);
        prepare(folder.path());
        let error = Digest::of_tree(folder.path()).unwrap_err();
        assert_eq!(error.code(), "artifact_unusable", "{error}");
    };
    refuses(&|folder| symlink(other.path(), folder.join("link")).unwrap());
    refuses(&|folder| symlink("nowhere", folder.join("link")).unwrap());
    refuses(&|folder| symlink(".", folder.join("circle")).unwrap());
    refuses(&|folder| symlink("/dev/null", folder.join("device")).unwrap());
    refuses(&|folder| {
        std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
    });
    refuses(&|folder| {
        use std::os::unix::ffi::OsStrExt;
        fs::write(folder.join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
    });
}

/// CAT-223
#[test]
fn a_folder_that_changes_while_it_is_hashed_proves_nothing() {
    let add: fn(&Path) = |folder| write(folder, "new", "");
    let remove: fn(&Path) = |folder| fs::remove_file(folder.join("a")).unwrap();
    let grow: fn(&Path) = |folder| write(folder, "b", "longer");
    let replace: fn(&Path) = |folder| {
        write(folder, "new", "9");
        fs::rename(folder.join("new"), folder.join("a")).unwrap();
    };
    let overwrite: fn(&Path) = |folder| {
        write(folder, "a", "9");
        let file = fs::File::open(folder.join("a")).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
    };
    for change in [add, remove, grow, replace, overwrite] {
        let folder = tree(&[("a", b"1"), ("b", b"2")]);
        let mut is_changed = false;
        let error = Digest::compute(folder.path(), DigestAlgorithm::Sha256Tree, &mut |_| {
            if !is_changed {
                change(folder.path());
                is_changed = true;
            }
        })
        .unwrap_err();
        assert!(
            matches!(error, CatalogError::ArtifactChanged { .. }),
            "{error}"
        );
    }
}

/// CAT-233
#[test]
fn progress_counts_all_bytes_of_the_folder() {
    let folder = tree(&[("a", b"123"), ("b/c", b"4567"), ("d", b"")]);
    let mut last = None;
    Digest::compute(folder.path(), DigestAlgorithm::Sha256Tree, &mut |p| {
        last = Some(p)
    })
    .unwrap();
    let last = last.unwrap();
    assert_eq!((last.done, last.total), (7, Some(7)));
}

/// CAT-233
#[test]
fn sizes_that_no_disk_holds_do_not_overflow() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b", "c"] {
        let file = fs::File::create(folder.path().join(name)).unwrap();
        if file.set_len(i64::MAX as u64).is_err() {
            // The file system has a smaller limit; its largest files cannot overflow the sum.
            file.set_len(1 << 40).unwrap();
        }
    }
    let stop = std::panic::catch_unwind(|| {
        Digest::compute(
            folder.path(),
            DigestAlgorithm::Sha256Tree,
            &mut |progress| {
                assert!(progress.total >= Some(1 << 40));
                std::panic::panic_any("seen");
            },
        )
    });
    assert_eq!(stop.unwrap_err().downcast_ref(), Some(&"seen"));
}
