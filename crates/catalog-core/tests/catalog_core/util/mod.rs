//! Helpers of several tests.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use catalog_core::{
    CatalogEntry, CatalogStore, EngineEntry, Expected, FsCatalog, Hasher, ImportRequest,
    LifecycleState, ModelId,
};

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

/// An engine without local artifacts.
pub(crate) fn engine(id: &str) -> EngineEntry {
    EngineEntry {
        id: id.to_owned(),
        engine: "e".to_owned(),
        version: "1".to_owned(),
        build_ref: None,
        digest: None,
        build_flags: None,
        artifacts: Vec::new(),
        created_ms: 0,
    }
}

pub(crate) fn model_id(text: &str) -> ModelId {
    text.parse().unwrap()
}

/// Asks for an import that replaces the content of an id on purpose.
pub(crate) fn replacing<'r>(
    catalog: &FsCatalog,
    id: &'r ModelId,
    source: &'r Path,
) -> ImportRequest<'r> {
    let mut request = ImportRequest::new(id, source);
    request.entry = match catalog.get(id).unwrap() {
        Some(_) => Expected::Present,
        None => Expected::Absent,
    };
    request
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

/// The files and folders of a root in which models were put and nothing was deleted.
pub(crate) const STORE_FILES: [&str; 9] = [
    ".index.json.spare",
    "engines.json",
    "engines.json.previous",
    "index.json",
    "index.json.previous",
    "locks",
    "pins.json",
    "pins.json.previous",
    "removed",
];

/// The bytes of an index of this version without entries, before its first change.
pub(crate) fn empty_index(version: u64) -> Vec<u8> {
    sealed(
        &format!("{{\"version\":{version},\"generation\":0,\"entries\":{{"),
        &[],
    )
}

/// The inode and the change time of a file. Either differs once the file is replaced or written.
pub(crate) fn identity(path: &Path) -> (u64, i64, i64) {
    let metadata = fs::metadata(path).unwrap();
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

/// All files below a folder, each with its [`identity`].
pub(crate) fn state_of(folder: &Path) -> Vec<(PathBuf, (u64, i64, i64))> {
    let mut state = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for name in names_in(&next) {
            let path = next.join(name);
            if path.is_dir() {
                folders.push(path);
            } else {
                state.push((path.clone(), identity(&path)));
            }
        }
    }
    state.sort();
    state
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

/// Does the work of the named test under an account that permissions bind. The superuser's is not,
/// so there the test runs itself once more, as nobody.
#[track_caller]
pub(crate) fn as_unprivileged(test: &str, work: impl FnOnce()) {
    const NOBODY: u32 = 65534;
    let folder = tempfile::tempdir().unwrap();
    let probe = folder.path().join("probe");
    fs::write(&probe, "").unwrap();
    fs::set_permissions(&probe, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&probe).is_err() {
        return work();
    }
    // A copy that nobody may run, wherever this binary lies.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(&program)
        .args(["--exact", test])
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "as nobody: {text}");
    assert!(
        text.contains("1 passed"),
        "as nobody, the test of that name ran: {text}"
    );
}

/// The bytes of an index whose checksums are right, from its first line and those of its entries,
/// each without its sum and end.
pub(crate) fn sealed(head: &str, entries: &[&str]) -> Vec<u8> {
    let digest = |text: &str| {
        let mut hasher = Hasher::new();
        hasher.update(text.as_bytes());
        hasher.finish()
    };
    let sums: Vec<String> = entries
        .iter()
        .map(|entry| digest(entry).value[..16].to_owned())
        .collect();
    let lines: Vec<String> = entries
        .iter()
        .zip(&sums)
        .map(|(entry, sum)| format!("\n{entry},\"sum\":\"{sum}\"}}"))
        .collect();
    let checksum = digest(&format!("{head}{}", sums.concat()));
    format!(
        "{head}{}\n}},\"checksum\":\"{checksum}\"}}\n",
        lines.join(",")
    )
    .into_bytes()
}

/// Whether the bytes of a registered model are proved, to a caller that waited since that snapshot.
pub(crate) fn is_proved(
    catalog: &FsCatalog,
    id: &str,
    since: Option<&catalog_core::CatalogSnapshot>,
) -> bool {
    let known = catalog.registered(id, since).unwrap();
    known.unwrap().proof.is_some()
}

/// Changes the text of a manifest and gives it the right checksum.
pub(crate) fn rewrite(path: &Path, change: impl FnOnce(&str) -> String) {
    let text = fs::read_to_string(path).unwrap();
    let (content, _) = text.rsplit_once(",\"checksum\"").unwrap();
    let content = change(content);
    let mut hash = Hasher::new();
    hash.update(content.as_bytes());
    let sealed = format!("{content},\"checksum\":\"{}\"}}\n", hash.finish());
    fs::write(path, sealed).unwrap();
}
