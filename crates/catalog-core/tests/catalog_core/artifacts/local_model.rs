use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use catalog_core::maintenance::Verify;
use catalog_core::{
    CatalogEntry, CatalogError, CatalogStore, Digest, DigestAlgorithm, DigestSubject, FileFetcher,
    FsCatalog, ImportRequest, LocalModel, LocalModelKind, Method, ModelFetcher, ModelRef,
    VerificationOutcomeKind as Kind,
};

use crate::util::{entry, model_id, replacing};

fn name(number: u32) -> String {
    format!("m-{number:05}-of-00003.gguf")
}

/// A GGUF header without tensors, with these pairs of 16-bit numbers.
fn gguf(pairs: &[(&str, u16)]) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend((pairs.len() as u64).to_le_bytes());
    for (key, value) in pairs {
        bytes.extend((key.len() as u64).to_le_bytes());
        bytes.extend(key.as_bytes());
        bytes.extend(2_u32.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes
}

/// A complete set of three shards in a folder.
pub(super) fn set(folder: &Path) -> [PathBuf; 3] {
    [1, 2, 3].map(|number| {
        let path = folder.join(name(number));
        let place = u16::try_from(number - 1).unwrap();
        fs::write(&path, gguf(&[("split.no", place), ("split.count", 3)])).unwrap();
        path
    })
}

/// The tree digest of a folder that holds exactly the set.
pub(super) fn tree_of(shards: &[PathBuf]) -> Digest {
    let folder = tempfile::tempdir().unwrap();
    for shard in shards {
        fs::copy(shard, folder.path().join(shard.file_name().unwrap())).unwrap();
    }
    Digest::of_tree(folder.path()).unwrap()
}

fn fetch(path: &Path) -> Result<(), CatalogError> {
    let path = path.to_path_buf();
    FileFetcher
        .ensure_present(&ModelRef::File { path })
        .map(drop)
}

fn make_pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

pub(super) fn with_digest(path: &Path, digest: Digest) -> CatalogEntry {
    CatalogEntry {
        digest: Some(digest),
        ..entry("set", path)
    }
}

/// CAT-1030
#[test]
fn a_path_is_resolved_to_all_files_of_its_model() {
    let folder = tempfile::tempdir().unwrap();
    let shards = set(folder.path());
    fs::write(folder.path().join("other.bin"), "other").unwrap();
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    let all: u64 = shards.iter().map(|path| size(path)).sum();
    for shard in &shards {
        let model = LocalModel::resolve(shard).unwrap();
        assert_eq!(model.kind(), LocalModelKind::ShardSet);
        assert_eq!((model.path(), model.size()), (shard.as_path(), all));
        assert_eq!(model.engine_path(), shards[0]);
        assert_eq!(model.subject(), DigestSubject::Folder);
        let digest = |algorithm| model.digest(algorithm, &mut |_| Ok(()));
        let tree = digest(DigestAlgorithm::Sha256Tree).unwrap();
        assert_eq!(tree, tree_of(&shards));
        let error = digest(DigestAlgorithm::Sha256).unwrap_err();
        assert_eq!(error.code(), "invalid_digest", "{error}");
        fetch(shard).unwrap();
    }
    let single = folder.path().join("one-00001-of-00001.gguf");
    fs::write(&single, "GGUF").unwrap();
    for (path, kind, size) in [
        (single.as_path(), LocalModelKind::File, 4),
        (folder.path(), LocalModelKind::Folder, all + 5 + 4),
    ] {
        let model = LocalModel::resolve(path).unwrap();
        assert_eq!((model.kind(), model.size()), (kind, size));
        assert_eq!(model.engine_path(), path);
    }
}

/// CAT-1031
#[test]
fn a_shard_that_is_missing_or_no_regular_file_is_listed_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let shards = set(folder.path());
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let digest = tree_of(&shards);
    let candidate = with_digest(&shards[0], digest);
    catalog.put(&candidate).unwrap();
    for what in ["nothing", "a folder", "a dangling link", "a pipe"] {
        let _ = fs::remove_file(&shards[1]);
        let _ = fs::remove_dir(&shards[1]);
        match what {
            "a folder" => fs::create_dir(&shards[1]).unwrap(),
            "a dangling link" => symlink("nowhere", &shards[1]).unwrap(),
            "a pipe" => make_pipe(&shards[1]),
            _ => {}
        }
        let wanted = model_id("imported");
        let request = ImportRequest::new(&wanted, &shards[2]);
        let errors = [
            LocalModel::resolve(&shards[0]).map(drop),
            fetch(&shards[0]),
            catalog.import(&request, &mut |_| Ok(())).map(drop),
            catalog
                .verify("set", Verify::Quick, &mut |_| Ok(()))
                .map(drop),
            catalog
                .verify_candidate(&candidate, &mut |_| Ok(()))
                .map(drop),
        ];
        for error in errors {
            match error.unwrap_err() {
                CatalogError::ArtifactIncomplete { missing, .. } => {
                    assert_eq!(missing, [name(2)], "{what}");
                }
                other => panic!("{what}: {other}"),
            }
        }
    }
}

/// CAT-1032
#[test]
fn what_is_named_and_is_no_model_is_an_error_and_is_never_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name(1));
    let code = || LocalModel::resolve(&path).unwrap_err().code();
    assert_eq!(code(), "artifact_missing");
    symlink("nowhere", &path).unwrap();
    assert_eq!(code(), "artifact_unusable");
    fs::remove_file(&path).unwrap();
    make_pipe(&path);
    assert_eq!(code(), "artifact_unusable");
    let error = Digest::of_file(&path).unwrap_err();
    assert_eq!(error.code(), "artifact_unusable");
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    catalog.put(&entry("pipe", &path)).unwrap();
    for how in [Verify::Quick, Verify::Full] {
        let error = catalog.verify("pipe", how, &mut |_| Ok(())).unwrap_err();
        assert_eq!(error.code(), "artifact_unusable", "{error}");
    }
}

/// CAT-1033
#[test]
fn a_shard_whose_header_says_that_it_is_another_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let shards = set(folder.path());
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    let candidate = with_digest(&shards[0], tree_of(&shards));
    let check = || {
        let model = LocalModel::resolve(&shards[0]).unwrap();
        let wanted = model_id("imported");
        let imported = replacing(&catalog, &wanted, &shards[0]);
        [
            model.check_shards(),
            fetch(&shards[0]),
            catalog.import(&imported, &mut |_| Ok(())).map(drop),
            catalog
                .verify_candidate(&candidate, &mut |_| Ok(()))
                .map(drop),
        ]
    };
    for foreign in [
        vec![("split.no", 2)],
        vec![("split.count", 4)],
        vec![("other.key", 7), ("split.count", 3), ("split.no", 0)],
    ] {
        fs::write(&shards[1], gguf(&foreign)).unwrap();
        for checked in check() {
            match checked.unwrap_err() {
                CatalogError::ForeignShards { foreign, .. } => assert_eq!(foreign, [name(2)]),
                other => panic!("{other}"),
            }
        }
    }
    for own in [vec![], vec![("split.no", 1)], vec![("split.count", 3)]] {
        fs::write(&shards[1], gguf(&own)).unwrap();
        check().into_iter().for_each(|checked| checked.unwrap());
    }
}

/// CAT-1034
#[test]
fn a_set_in_place_is_proved_as_a_set_and_each_shard_counts() {
    let folder = tempfile::tempdir().unwrap();
    let shards = set(folder.path());
    let catalog = FsCatalog::new(folder.path().join("root")).unwrap();
    catalog
        .put(&with_digest(&shards[0], tree_of(&shards)))
        .unwrap();
    let verify = |how| catalog.verify("set", how, &mut |_| Ok(())).unwrap();
    let all = LocalModel::resolve(&shards[0]).unwrap().size();
    let found = verify(Verify::Full);
    assert_eq!((found.outcome.kind, found.hashed), (Kind::Pass, all));
    while verify(Verify::Quick).assurance.method != Some(Method::Fingerprint) {}

    let mut bytes = fs::read(&shards[1]).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&shards[1], bytes).unwrap();
    for how in [Verify::Quick, Verify::Full] {
        assert_eq!(verify(how).outcome.kind, Kind::Fail);
    }
}
