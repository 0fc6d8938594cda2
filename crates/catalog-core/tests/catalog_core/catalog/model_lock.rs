use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;

use catalog_core::managed::{ModelLock, ModelLockAttempt, SourceCall, SourceFailure};
use catalog_core::{FsCatalog, Progress, Retry};

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
    lock.report(Progress::of(7, 9));
    for catalog in [&one, &other] {
        let ModelLockAttempt::Taken(status) = catalog.try_lock_model(&model_id("a/b: c")).unwrap()
        else {
            panic!("two have it")
        };
        assert_eq!(status.progress, Progress::of(7, 9));
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

/// The result of the source call with these terms that a status or a lock shows.
fn failure_of(calls: &[SourceCall], terms: &str) -> Option<Option<SourceFailure>> {
    let call = calls.iter().find(|call| call.terms == terms);
    call.map(|call| call.failure.clone())
}

/// CAT-961
#[test]
fn the_latest_source_call_of_each_terms_is_shown_to_those_who_come_next() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let failure = SourceFailure::new("code", "detail \"quoted\"\n", Retry::Yes);
    let mut lock = begin(&catalog, "id");
    lock.end_call("failing", Some(failure.clone()));
    lock.end_call("other", None);
    drop(lock);
    let seen = begin(&catalog, "id").calls().to_vec();
    assert_eq!(failure_of(&seen, "failing"), Some(Some(failure)));
    assert_eq!(failure_of(&seen, "other"), Some(None));
    // A later call has another id, also if it has the same result.
    let mut lock = begin(&catalog, "id");
    lock.end_call("other", None);
    let ModelLockAttempt::Taken(status) = catalog.try_lock_model(&model_id("id")).unwrap() else {
        panic!("two have it")
    };
    let calls = status.calls.unwrap();
    assert_eq!(calls, lock.calls());
    assert!(seen.iter().all(|call| call.id != calls[0].id));
    for number in 0..100 {
        lock.end_call(&number.to_string(), None);
    }
    assert!(lock.calls().len() < 100, "the file does not grow");
    // Messages that get longer in the file are read as a whole, too.
    for number in 0..8 {
        let failure = SourceFailure::new("code", &"\u{1}".repeat(100_000), Retry::No);
        lock.end_call(&number.to_string(), Some(failure));
    }
    let calls = lock.calls().to_vec();
    drop(lock);
    assert_eq!(begin(&catalog, "id").calls(), calls);
}

/// CAT-964
#[test]
fn the_key_of_an_unregistered_artifact_outlives_its_holder() {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    let key = "a".repeat(64);
    let mut lock = begin(&catalog, "id");
    assert_eq!(lock.announced(), None);
    lock.announce(&key).unwrap();
    drop(lock);
    let mut lock = begin(&catalog, "id");
    assert_eq!(lock.announced(), Some(key.as_str()));
    lock.withdraw();
    drop(lock);
    assert_eq!(begin(&catalog, "id").announced(), None);
    // A text that is no key is none.
    fs::write(file_of(&catalog), r#"{"publishing":"../../x"}"#).unwrap();
    assert_eq!(begin(&catalog, "id").announced(), None);
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
        "{\"calls\":7}",
        "{\"calls\":[{\"terms\":\"t\"}]}",
        "\u{0}\u{0}\u{0}",
        "[[[[",
        &"x".repeat(100_000),
    ] {
        fs::write(&file, text).unwrap();
        let lock = begin(&catalog, "id");
        assert_eq!(lock.calls(), [], "{text}");
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
    drop(begin(&catalog, "id"));
    assert_eq!(fs::metadata(&victim).unwrap().nlink(), 1);
    let folder = file.parent().unwrap();
    fs::remove_dir_all(folder).unwrap();
    symlink(root.path(), folder).unwrap();
    assert_eq!(
        catalog.try_lock_model(&model_id("id")).unwrap_err().code(),
        "io"
    );
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}
