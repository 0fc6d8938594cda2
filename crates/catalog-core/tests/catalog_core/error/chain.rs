use std::error::Error;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use catalog_core::{CatalogError, CatalogStore, DigestError, FsCatalog, ModelRef, PathProblem};

use crate::util::{as_unprivileged, entry};

/// Returns an error of each variant, with its sources.
pub(super) fn one_of_each() -> Vec<CatalogError> {
    let path = || PathBuf::from("/root/index.json");
    let id = || "hf:org/repo".to_owned();
    let io = || io::Error::from_raw_os_error(5);
    let problem = PathProblem::Escape {
        root: "/root".into(),
        target: "/etc".into(),
    };
    vec![
        ModelRef::parse("hf:org").unwrap_err(),
        CatalogError::InvalidDigest(DigestError::MissingAlgorithm),
        CatalogError::InvalidEntry {
            id: id(),
            problem: "its id is empty",
        },
        CatalogError::PathRefused {
            path: path(),
            problem: problem.clone(),
        },
        CatalogError::NotFound {
            id: id(),
            catalog: path(),
        },
        CatalogError::Conflict {
            id: id(),
            expected: "absent",
        },
        CatalogError::ArtifactMissing { path: path() },
        CatalogError::ArtifactUnusable {
            path: path(),
            found: "a socket",
        },
        CatalogError::ArtifactChanged { path: path() },
        CatalogError::ArtifactKept {
            id: id(),
            path: path(),
            source: Box::new(CatalogError::PathRefused {
                path: path(),
                problem,
            }),
        },
        CatalogError::NoFetcher {
            scheme: "hf".to_owned(),
            reference: id(),
            repair: "compose one".into(),
        },
        CatalogError::IndexDamaged {
            path: path(),
            detail: "cut".to_owned(),
            repair: "restore it",
        },
        CatalogError::IndexTooNew {
            path: path(),
            found: 2,
            supported: 1,
        },
        CatalogError::RootChanged { root: path() },
        CatalogError::NotWritable {
            action: "create",
            path: path(),
            repair: "mount it writable".to_owned(),
            source: io(),
        },
        CatalogError::PermissionDenied {
            action: "open",
            path: path(),
            repair: "add the account to the group 7".to_owned(),
            source: io(),
        },
        CatalogError::LocksUnsupported {
            path: path(),
            file_system: "nfs4".to_owned(),
            source: io(),
        },
        CatalogError::FileSystemRefused {
            root: path(),
            file_system: "nfs4".to_owned(),
            repair: "put it elsewhere",
        },
        CatalogError::LockTimeout {
            path: path(),
            holder: "process 1".to_owned(),
            waited: Duration::from_secs(30),
        },
        CatalogError::OutcomeUnknown {
            path: path(),
            action: "renaming",
            source: io(),
        },
        CatalogError::Io {
            action: "open",
            path: path(),
            source: io(),
        },
        CatalogError::NameRefused {
            name: "../x".to_owned(),
            problem: "a part is ..".to_owned(),
        },
        CatalogError::DigestMismatch {
            path: path(),
            expected: "sha256:aa".to_owned(),
            actual: "sha256:bb".to_owned(),
        },
        CatalogError::ArtifactIncomplete {
            path: path(),
            missing: vec!["a".to_owned(), "b".to_owned()],
        },
        CatalogError::ForeignShards {
            path: path(),
            foreign: vec!["a".to_owned()],
        },
        CatalogError::FormatRefused {
            path: path(),
            format: "GGUF",
            problem: "it does not begin with GGUF".to_owned(),
        },
        CatalogError::NoSpace {
            root: path(),
            needed: 3,
            free: 2,
            reserved: 1,
            holders: " by process 1".to_owned(),
        },
        CatalogError::Pinned {
            id: id(),
            owner: "pool-7".to_owned(),
            reason: "needed".to_owned(),
        },
        CatalogError::InUse { path: path() },
        CatalogError::StoreDamaged {
            path: path(),
            detail: "its checksum is wrong".to_owned(),
            repair: "verify it",
        },
        CatalogError::Cancelled,
        CatalogError::StoreTooNew {
            path: path(),
            found: 4,
            supported: 3,
        },
        CatalogError::OutOfHandles {
            action: "open",
            path: path(),
            source: io(),
        },
        CatalogError::DeadlineExceeded { action: "hashing" },
        CatalogError::NestedWrite { root: path() },
    ]
}

/// CAT-601
#[test]
fn no_message_repeats_its_source_and_every_chain_ends() {
    for error in one_of_each() {
        let mut messages = vec![error.to_string()];
        let mut source = error.source();
        while let Some(cause) = source {
            messages.push(cause.to_string());
            source = cause.source();
        }
        assert!(messages.len() < 5, "{messages:?}");
        for (outer, inner) in messages.iter().zip(&messages[1..]) {
            assert!(
                !outer.contains(inner.as_str()),
                "{outer:?} repeats {inner:?}"
            );
        }
        assert!(messages.iter().all(|message| !message.is_empty()));
    }
}

/// CAT-604
#[test]
fn an_io_error_says_what_was_done_to_which_path_and_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = catalog_core::FsCatalog::new(file.join("root")).unwrap_err();
    let CatalogError::Io {
        action,
        path,
        source,
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!(*action, "create folder");
    assert_eq!(path, &file);
    assert_eq!(source.kind(), io::ErrorKind::AlreadyExists);
}

/// CAT-605
#[test]
fn a_missing_permission_is_named_with_its_repair() {
    as_unprivileged(
        "error::chain::a_missing_permission_is_named_with_its_repair",
        || {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("root");
            let catalog = FsCatalog::new(&root).unwrap();
            catalog.put(&entry("id", "m")).unwrap();
            let says = |error: CatalogError, code: &str, words: &str| {
                let text = error.to_string();
                assert_eq!(error.code(), code, "{text}");
                let owner = fs::metadata(&root).unwrap().uid();
                for word in [&*format!("account {owner} has no {words}"), "run `chmod u+"] {
                    assert!(text.contains(word), "{text}");
                }
            };
            let chmod = |path: &str, mode| {
                let permissions = fs::Permissions::from_mode(mode);
                fs::set_permissions(root.join(path), permissions).unwrap();
            };
            let read = || FsCatalog::new(&root).and_then(|catalog| catalog.list());
            let write = || catalog.put(&entry("other", "m")).unwrap_err();
            chmod("index.json", 0o000);
            let on = "read and write permission on";
            let file = format!("{on} {}", root.join("index.json").display());
            says(read().unwrap_err(), "permission_denied", &file);
            chmod("index.json", 0o600);
            chmod("locks/index.lock", 0o400);
            let file = format!(
                "write permission on {}",
                root.join("locks/index.lock").display()
            );
            says(write(), "not_writable", &file);
            chmod("locks/index.lock", 0o600);
            chmod("", 0o600);
            let file = format!("search permission on {}", root.display());
            says(read().unwrap_err(), "permission_denied", &file);
            chmod("", 0o500);
            let file = format!("write permission on {}", root.display());
            says(write(), "not_writable", &file);
            chmod("", 0o700);
        },
    );
}
