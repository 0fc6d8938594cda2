use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use catalog_core::fetching::ResumableFile;
use catalog_core::maintenance::{CollectionPolicy, Removable, RemovalReason};
use catalog_core::{CatalogError, Digest, Expectation, FsCatalog, Hasher, Staging, StoreOptions};

use crate::util::model_id;

const ID: &str = "https://example.org/m.bin";
const TAG: &str = "etag \"a\" size 10";

fn stage(catalog: &FsCatalog) -> Staging {
    catalog.artifacts().stage(&model_id(ID), 0).unwrap()
}

/// Writes and hashes bytes after those that are hashed.
fn add(file: &mut ResumableFile, bytes: &[u8]) {
    file.writer().write_at(bytes, file.hashed()).unwrap();
    file.hash(bytes);
}

/// Fetches the first five of ten bytes, keeps three, and ends as a failed call ends.
fn interrupted(catalog: &FsCatalog) {
    let mut staging = stage(catalog);
    let mut file = staging.resumable("m.bin", TAG).unwrap();
    assert_eq!(file.kept(), 0);
    add(&mut file, b"012");
    file.writer().keep(file.prefix()).unwrap();
    add(&mut file, b"34");
    drop(file);
    drop(staging);
}

fn staging_areas(root: &Path) -> Vec<PathBuf> {
    let areas = fs::read_dir(root.join("staging")).into_iter().flatten();
    areas.map(|area| area.unwrap().path()).collect()
}

fn catalog() -> (tempfile::TempDir, FsCatalog) {
    let root = tempfile::tempdir().unwrap();
    let catalog = FsCatalog::new(root.path()).unwrap();
    (root, catalog)
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    hasher.finish()
}

/// CAT-1100
#[test]
fn a_later_call_continues_the_durable_bytes_of_the_same_version() {
    let (root, catalog) = catalog();
    interrupted(&catalog);
    let mut staging = stage(&catalog);
    let other = staging.resumable("other.bin", TAG).unwrap();
    assert_eq!(other.kept(), 0, "another name");
    other.discard().unwrap();
    let mut file = staging.resumable("m.bin", TAG).unwrap();
    assert_eq!(file.kept(), 3);
    let mut read = 0;
    file.read_kept(&mut |bytes| {
        read += bytes.len();
        Ok(())
    })
    .unwrap();
    assert_eq!(read, 3, "each kept byte is read once");
    add(&mut file, b"3456789");
    assert_eq!(staging.complete(file).unwrap(), sha256(b"0123456789"));
    let artifact = staging
        .verify(&Expectation::default(), &mut |_| {
            panic!("no byte is hashed again")
        })
        .unwrap()
        .publish()
        .unwrap();
    assert_eq!(fs::read(artifact.path()).unwrap(), b"0123456789");
    assert_eq!(
        staging_areas(root.path()),
        [] as [PathBuf; 0],
        "nothing is left"
    );
}

/// CAT-1101
#[test]
fn the_bytes_of_a_wrong_file_are_not_kept() {
    let (root, catalog) = catalog();
    let mut staging = stage(&catalog);
    let mut file = staging.resumable("m.bin", TAG).unwrap();
    add(&mut file, b"0123456789");
    file.writer().keep(file.prefix()).unwrap();
    staging.complete(file).unwrap();
    let expected = Expectation::default().digest(sha256(b"other"));
    let error = staging.verify(&expected, &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.code(), "digest_mismatch");
    assert_eq!(staging_areas(root.path()), [] as [PathBuf; 0]);
}

/// CAT-1101
#[test]
fn the_bytes_of_a_cancelled_verification_are_kept() {
    let (_root, catalog) = catalog();
    let mut staging = stage(&catalog);
    let mut file = staging.resumable("m.bin", TAG).unwrap();
    add(&mut file, b"0123456789");
    file.writer().keep(file.prefix()).unwrap();
    drop(file);
    let stopped = staging.verify(&Expectation::default(), &mut |_| {
        Err(CatalogError::Cancelled)
    });
    assert!(
        matches!(stopped, Err(CatalogError::Cancelled)),
        "{stopped:?}"
    );
    let again = stage(&catalog).resumable("m.bin", TAG).unwrap();
    assert_eq!(again.kept(), 10);
}

/// CAT-1102
#[test]
fn a_partial_file_with_another_name_is_not_written() {
    let (root, catalog) = catalog();
    interrupted(&catalog);
    let [area] = &staging_areas(root.path())[..] else {
        panic!("one area is left");
    };
    let partial = area.join("artifact/files/m.bin");
    let blob = root.path().join("blob");
    fs::hard_link(&partial, &blob).unwrap();
    let before = fs::read(&blob).unwrap();
    let mut staging = stage(&catalog);
    let mut file = staging.resumable("m.bin", TAG).unwrap();
    assert_eq!(file.kept(), 0);
    add(&mut file, b"xxxxxxxxxx");
    staging.complete(file).unwrap();
    assert_eq!(fs::read(&blob).unwrap(), before);
}

/// CAT-1103
#[test]
fn the_partial_file_of_another_account_is_copied_while_it_is_hashed() {
    let (root, catalog) = catalog();
    interrupted(&catalog);
    let [area] = &staging_areas(root.path())[..] else {
        panic!("one area is left");
    };
    let partial = area.join("artifact/files/m.bin");
    if std::os::unix::fs::chown(&partial, Some(12_345), None).is_err() {
        eprintln!("skipped: this account cannot give files away");
        return;
    }
    let inode = fs::metadata(&partial).unwrap().ino();
    let mut staging = stage(&catalog);
    let mut file = staging.resumable("m.bin", TAG).unwrap();
    assert_eq!(file.kept(), 3);
    file.read_kept(&mut |_| Ok(())).unwrap();
    add(&mut file, b"3456789");
    let own = fs::metadata(file.path()).unwrap();
    assert!(own.ino() != inode && own.uid() != 12_345);
    assert_eq!(staging.complete(file).unwrap(), sha256(b"0123456789"));
}

/// CAT-1108
#[test]
fn the_bytes_of_another_version_are_removed_when_the_file_begins() {
    let (root, catalog) = catalog();
    interrupted(&catalog);
    let changed = stage(&catalog)
        .resumable("m.bin", "etag \"b\" size 10")
        .unwrap();
    assert_eq!(changed.kept(), 0);
    drop(changed);
    assert_eq!(staging_areas(root.path()), [] as [PathBuf; 0]);
}

/// CAT-1109
#[test]
fn a_link_in_a_staging_area_leads_to_no_file_outside() {
    let (root, catalog) = catalog();
    interrupted(&catalog);
    let outside = tempfile::tempdir_in(root.path().parent().unwrap()).unwrap();
    let files = staging_areas(root.path())[0].join("artifact/files");
    let moved = outside.path().join("models");
    fs::rename(&files, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &files).unwrap();
    let file = stage(&catalog).resumable("m.bin", TAG).unwrap();
    assert_eq!(file.kept(), 0);
    drop(file);
    assert_eq!(fs::read(moved.join("m.bin")).unwrap(), b"01234");
    fs::remove_file(&files).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&files).status();
    assert!(made.unwrap().success());
    for version in [TAG, "etag \"b\" size 10"] {
        let file = stage(&catalog).resumable("m.bin", version).unwrap();
        assert_eq!(file.kept(), 0, "a pipe is not waited for");
    }
}

/// CAT-1104
#[test]
fn a_file_of_the_store_is_linked_by_its_digest_unless_it_is_corrupt() {
    let (root, catalog) = catalog();
    let digest = sha256(b"weights");
    let publish = |name: &str| {
        let mut staging = stage(&catalog);
        let reused = staging.reuse(name, &digest, &mut |_| Ok(())).unwrap();
        if reused.is_none() {
            let mut file = staging.resumable(name, TAG).unwrap();
            add(&mut file, b"weights");
            staging.complete(file).unwrap();
        }
        let verified = staging.verify(&Expectation::default(), &mut |_| Ok(()));
        (reused, verified.unwrap().publish().unwrap())
    };
    let (reused, first) = publish("a.bin");
    assert_eq!(reused, None);
    let (reused, second) = publish("b.bin");
    assert_eq!(reused, Some(7));
    let inode = |path: &Path| fs::metadata(path).unwrap().ino();
    assert_eq!(inode(first.path()), inode(second.path()));
    let hex = &digest.value;
    let blob = root.path().join("blobs/sha256").join(&hex[..2]).join(hex);
    fs::remove_file(&blob).unwrap();
    fs::write(&blob, b"wEights").unwrap();
    let (reused, _) = publish("c.bin");
    assert_eq!(reused, None, "a corrupt file is not used");
}

fn age(root: &Path, days: u64) {
    for area in staging_areas(root) {
        let journal = fs::File::open(area.join("journal.json")).unwrap();
        let time = SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60);
        journal.set_modified(time).unwrap();
    }
}

/// CAT-1105
#[test]
fn partial_files_expire_after_seven_days_and_go_first_when_space_is_short() {
    let (root, catalog) = catalog();
    interrupted(&catalog);
    let reasons = |policy: CollectionPolicy| {
        let plan = catalog.plan_collection(&policy).unwrap();
        let removals = plan.removals.iter();
        let staging = removals.filter(|removal| matches!(removal.what, Removable::Staging(_)));
        staging.map(|removal| removal.reason).collect::<Vec<_>>()
    };
    let policy = CollectionPolicy::default();
    assert_eq!(reasons(policy), []);
    assert_eq!(reasons(policy.budget(0)), [RemovalReason::OverBudget]);
    let all_space = policy.min_free(u64::MAX);
    assert_eq!(reasons(all_space), [RemovalReason::LowSpace]);
    age(root.path(), 6);
    assert_eq!(reasons(policy), []);
    age(root.path(), 8);
    assert_eq!(reasons(policy.partial_files_for(None)), []);
    assert_eq!(reasons(policy), [RemovalReason::Abandoned]);
    let plan = catalog.plan_collection(&policy).unwrap();
    catalog.collect(&plan).unwrap();
    assert_eq!(staging_areas(root.path()), [] as [PathBuf; 0]);
}

/// CAT-1106
#[test]
fn partial_files_count_in_the_budget_and_give_way_to_another_model() {
    let root = tempfile::tempdir().unwrap();
    let options = StoreOptions::default().budget(1 << 20);
    let catalog = FsCatalog::open(root.path(), options).unwrap();
    let mut staging = stage(&catalog);
    let mut file = staging.resumable("m.bin", TAG).unwrap();
    add(&mut file, &vec![1; 600 << 10]);
    file.writer().keep(file.prefix()).unwrap();
    drop((file, staging));
    let other = model_id("https://example.org/other.bin");
    let refused = catalog.artifacts().stage(&other, 2 << 20);
    assert!(matches!(refused, Err(CatalogError::NoSpace { .. })));
    let kept = stage(&catalog).resumable("m.bin", TAG).unwrap();
    assert_eq!(
        kept.kept(),
        600 << 10,
        "nothing goes for a model that cannot fit"
    );
    drop(kept);
    let admitted = catalog.artifacts().stage(&other, 900 << 10);
    assert!(admitted.is_ok(), "{admitted:?}");
    drop(admitted);
    let gone = stage(&catalog).resumable("m.bin", TAG).unwrap();
    assert_eq!(gone.kept(), 0);
}

/// CAT-1107
#[test]
fn kept_bytes_that_have_changed_are_not_taken() {
    let (root, catalog) = catalog();
    interrupted(&catalog);
    let area = staging_areas(root.path()).remove(0);
    fs::write(area.join("artifact/files/m.bin"), b"01X34").unwrap();
    let mut staging = stage(&catalog);
    let mut file = staging.resumable("m.bin", TAG).unwrap();
    assert!(!file.read_kept(&mut |_| Ok(())).unwrap());
    let left = (file.kept(), file.hashed());
    assert_eq!(left, (0, 0), "no record can contain their hash");
    file.discard().unwrap();
    staging.ignore_earlier_bytes();
    let file = staging.resumable("m.bin", TAG).unwrap();
    assert_eq!(file.kept(), 0);
    drop((file, staging));
    let next = stage(&catalog).resumable("m.bin", TAG).unwrap();
    assert_eq!(next.kept(), 0, "the changed bytes are gone");
}
