use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use catalog_core::{FsCatalog, ModelLock, ModelLockAttempt, ModelLockFailure};

use crate::util::model_id;

fn begin(catalog: &FsCatalog, id: &str) -> ModelLock {
    match catalog.try_lock_model(&model_id(id)).unwrap() {
        ModelLockAttempt::Begun(lock) => lock,
        ModelLockAttempt::Taken(status) => panic!("taken by {status:?}"),
    }
}

/// The file of the only model lock of a root.
fn file_of(catalog: &FsCatalog) -> PathBuf {
    let mut files = fs::read_dir(catalog.root().join("locks/models")).unwrap();
    files.next().unwrap().unwrap().path()
}

/// CAT-960
#[test]
fn a_model_has_one_lock_whose_holder_shows_its_progress() {
    let root = tempfile::tempdir().unwrap();
    let (one, other) = (FsCatalog::new(root.path()), FsCatalog::new(root.path()));
    let (one, other) = (one.unwrap(), other.unwrap());
    let mut lock = begin(&one, "a/b: c");
    lock.report(7, Some(9));
    for catalog in [&one, &other] {
        let ModelLockAttempt::Taken(status) = catalog.try_lock_model(&model_id("a/b: c")).unwrap()
        else {
            panic!("two have it")
        };
        assert_eq!((status.done, status.total), (7, Some(9)));
        let me = std::process::id().to_string();
        assert!(status.holder.starts_with(&me), "{status:?}");
    }
    drop(begin(&other, "another"));
    drop(lock);
    drop(begin(&other, "a/b: c"));
    // Somebody deletes the file under its holder: others have the new one, and it hinders nobody.
    let held = begin(&one, "a/b: c");
    fs::remove_dir_all(root.path().join("locks/models")).unwrap();
    drop(begin(&other, "a/b: c"));
    drop(held);
}

/// CAT-961
#[test]
fn a_failure_is_told_to_those_who_come_next_until_one_begins_anew() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let failure = ModelLockFailure::now("terms", "code", "detail \"quoted\"\n", true);
    begin(&catalog, "id").fail(failure.clone());
    for _ in 0..2 {
        let next = begin(&catalog, "id");
        assert_eq!(next.failure_before(), Some(&failure));
        next.release_keeping_failure();
    }
    drop(begin(&catalog, "id"));
    assert_eq!(begin(&catalog, "id").failure_before(), None);
}

/// CAT-962
#[test]
fn whatever_the_file_of_a_model_lock_says_it_can_be_taken() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    drop(begin(&catalog, "id"));
    let file = file_of(&catalog);
    for text in [
        "",
        "{",
        "{\"failed\":7}",
        "{\"failed\":{\"terms\":\"t\"}}",
        "\u{0}\u{0}\u{0}",
        "[[[[",
        &"x".repeat(100_000),
    ] {
        fs::write(&file, text).unwrap();
        let lock = begin(&catalog, "id");
        assert_eq!(lock.failure_before(), None, "{text}");
        fs::write(&file, text).unwrap();
        let taken = catalog.try_lock_model(&model_id("id")).unwrap();
        assert!(matches!(taken, ModelLockAttempt::Taken(_)));
    }
}

/// CAT-963
#[test]
fn a_link_planted_at_a_model_lock_is_refused_and_its_target_untouched() {
    let root = tempfile::tempdir().unwrap();
    let victim = root.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let catalog = FsCatalog::new(root.path().join("root")).unwrap();
    drop(begin(&catalog, "id"));
    let file = file_of(&catalog);
    fs::remove_file(&file).unwrap();
    symlink(&victim, &file).unwrap();
    assert_eq!(
        catalog.try_lock_model(&model_id("id")).unwrap_err().code(),
        "io"
    );
    fs::remove_file(&file).unwrap();
    fs::hard_link(&victim, &file).unwrap();
    assert_eq!(
        catalog.try_lock_model(&model_id("id")).unwrap_err().code(),
        "io"
    );
    let folder = file.parent().unwrap();
    fs::remove_dir_all(folder).unwrap();
    symlink(root.path(), folder).unwrap();
    assert_eq!(
        catalog.try_lock_model(&model_id("id")).unwrap_err().code(),
        "io"
    );
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}
