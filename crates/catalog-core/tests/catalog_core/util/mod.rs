//! What several tests need.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use catalog_core::{CatalogEntry, LifecycleState};

/// The bytes of a file beside the tests.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs::read(folder.join(name)).unwrap()
}

/// A root whose file `name` holds these bytes.
pub(crate) fn root_with(name: &str, bytes: &[u8]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join(name), bytes).unwrap();
    root
}

pub(crate) fn entry(id: &str, path: impl Into<PathBuf>) -> CatalogEntry {
    CatalogEntry {
        id: id.to_owned(),
        local_path: path.into(),
        lifecycle: LifecycleState::Active,
        digest: None,
        last_verified_ms: None,
    }
}

/// What changes whenever a file is replaced or written.
pub(crate) fn identity(path: &Path) -> (u64, i64, i64) {
    let metadata = fs::metadata(path).unwrap();
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

/// The names of the files and folders directly in a folder, sorted.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
