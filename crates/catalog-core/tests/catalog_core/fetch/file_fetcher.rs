use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::util::as_unprivileged;
use catalog_core::{
    CatalogError, FileFetcher, FsCatalog, ImportRequest, ModelFetcher, ModelRef, Result,
};

fn fetch(path: &Path) -> Result<PathBuf> {
    let mr = ModelRef::File {
        path: path.to_path_buf(),
    };
    let resolved = FileFetcher.ensure_present(&mr)?;
    assert_eq!(resolved.id, mr.id()?);
    Ok(resolved.local_path)
}

#[track_caller]
fn fails(path: &Path, code: &str) {
    let error = fetch(path).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );
}

fn sandbox() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    (folder, base)
}

/// CAT-501
#[test]
fn files_and_folders_are_used_where_they_are() {
    let (_folder, base) = sandbox();
    fs::create_dir(base.join("model")).unwrap();
    let file = base.join("model/config.json");
    fs::write(&file, "{}").unwrap();
    symlink("config.json", base.join("model/link.json")).unwrap();
    assert_eq!(fetch(&file).unwrap(), file);
    assert_eq!(fetch(&base.join("model")).unwrap(), base.join("model"));
    assert_eq!(
        fetch(&base.join("model/../model/./config.json")).unwrap(),
        file
    );
    let link = base.join("model/link.json");
    assert_eq!(fetch(&link).unwrap(), link, "the last link is kept");
}

/// CAT-502
#[test]
fn what_can_be_no_model_is_a_typed_error_that_names_it() {
    let (_folder, base) = sandbox();
    let socket = base.join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    symlink("nowhere", base.join("dangling")).unwrap();
    fs::create_dir_all(base.join("empty/sub")).unwrap();
    fs::write(base.join("file"), "x").unwrap();
    fails(&base.join("missing"), "artifact_missing");
    fails(&base.join("missing/below"), "artifact_missing");
    fails(&base.join("dangling"), "artifact_unusable");
    fails(&base.join("empty"), "artifact_unusable");
    fails(&socket, "artifact_unusable");
    fails(Path::new("/dev/null"), "artifact_unusable");
    fails(&base.join("file/below"), "artifact_missing");
}

/// CAT-503
#[test]
fn what_cannot_be_read_is_a_typed_error_that_names_it() {
    as_unprivileged(
        "fetch::file_fetcher::what_cannot_be_read_is_a_typed_error_that_names_it",
        || {
            let (_folder, base) = sandbox();
            let (file, folder) = (base.join("file"), base.join("folder"));
            fs::write(&file, "x").unwrap();
            fs::create_dir(&folder).unwrap();
            for path in [&file, &folder] {
                fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
            }
            fails(&file, "permission_denied");
            fails(&folder, "permission_denied");
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        },
    );
}

/// CAT-506
#[test]
fn a_folder_below_more_than_64_others_is_no_model() {
    let (_folder, base) = sandbox();
    for (levels, is_model) in [(64, true), (65, false)] {
        let model = base.join(format!("model-{levels}"));
        let deepest = (0..levels).fold(model.clone(), |folder, _| folder.join("d"));
        fs::create_dir_all(&deepest).unwrap();
        fs::write(deepest.join("a.bin"), "x").unwrap();
        assert_eq!(fetch(&model).is_ok(), is_model, "{levels}");
        let root = base.join("root");
        let catalog = FsCatalog::new(&root).unwrap();
        let id = "m".parse().unwrap();
        let imported = catalog.import(&ImportRequest::new(&id, &model), &mut |_| Ok(()));
        match imported {
            Ok(_) => assert!(is_model),
            Err(error) => assert_eq!((error.code(), is_model), ("artifact_unusable", false)),
        }
    }
}

/// CAT-504
#[test]
fn a_reference_to_another_host_says_what_would_fetch_it() {
    for (text, scheme) in [
        ("hf:org/repo/f.gguf", "hf"),
        ("http://host/f", "http"),
        ("https://host/f", "https"),
        ("s3://bucket/f", "s3"),
        ("oci://host/f", "oci"),
    ] {
        let error = FileFetcher
            .ensure_present(&ModelRef::parse(text).unwrap())
            .unwrap_err();
        let CatalogError::NoFetcher {
            scheme: found,
            reference,
            ..
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!((found.as_str(), reference.as_str()), (scheme, text));
        assert!(error.to_string().contains("ModelFetcher"), "{error}");
    }
    let invalid = ModelRef::Url {
        url: "nonsense".to_owned(),
    };
    assert_eq!(
        FileFetcher.ensure_present(&invalid).unwrap_err().code(),
        "invalid_ref"
    );
}

/// CAT-505
#[test]
fn pointers_to_a_fetcher_are_fetchers() {
    fn is_a_fetcher(fetcher: impl ModelFetcher) {
        let mr = ModelRef::parse("hf:org/repo").unwrap();
        assert_eq!(
            fetcher.ensure_present(&mr).unwrap_err().code(),
            "no_fetcher"
        );
    }
    is_a_fetcher(&FileFetcher as &dyn ModelFetcher);
    is_a_fetcher(Arc::new(FileFetcher));
    is_a_fetcher(Box::new(FileFetcher) as Box<dyn ModelFetcher>);
}
