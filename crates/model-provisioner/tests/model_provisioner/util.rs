//! Helpers of several tests.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use catalog_core::{
    CatalogEntry, CatalogError, CatalogStore, Digest, FetchProblem, FileFetcher, FsCatalog,
    ModelFetcher, ModelRef, ResolvedModel, Result,
};
use model_provisioner::{ModelProvisioner, Policy, StagingMode};

/// A cache root, a folder of models beside it, and a provisioner of local files.
pub(crate) struct Host {
    _folder: tempfile::TempDir,
    base: PathBuf,
    pub(crate) provisioner: ModelProvisioner<FsCatalog, FileFetcher>,
}

impl Host {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let provisioner = ModelProvisioner::file_only(base.join("cache")).unwrap();
        Self {
            _folder: folder,
            base,
            provisioner,
        }
    }

    /// Writes a model file and gives its path.
    pub(crate) fn model(&self, name: &str, content: &str) -> PathBuf {
        let path = self.base.join("models").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes the files of a model into a folder and gives its path.
    pub(crate) fn folder(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        for (file, content) in files {
            self.model(&format!("{name}/{file}"), content);
        }
        self.base.join("models").join(name)
    }

    /// A provisioner of the same root with a policy.
    pub(crate) fn with(&self, policy: Policy) -> ModelProvisioner<FsCatalog, FileFetcher> {
        let provisioner = ModelProvisioner::file_only(self.cache()).unwrap();
        provisioner.with_policy(policy).unwrap()
    }

    pub(crate) fn entry(&self, id: &str) -> Option<CatalogEntry> {
        self.provisioner.catalog().get(id).unwrap()
    }

    /// Provisions a registered model until its bytes are proved without reading them. A file that
    /// changed just now is hashed again until the clock has moved on.
    pub(crate) fn settle(&self, id: &str) {
        let begin = Instant::now();
        loop {
            let known = self.provisioner.catalog().registered(id, None).unwrap();
            if known.unwrap().proof.is_some() {
                return;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "it settles");
            self.provisioner.ensure_present_str(id, None).unwrap();
        }
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.base.join("cache")
    }
}

/// The policy that imports local models into the store.
pub(crate) fn managed() -> Policy {
    let mut policy = Policy::default();
    policy.staging = StagingMode::Managed;
    policy
}

/// A digest that no bytes of a test have.
pub(crate) fn wrong_digest() -> Digest {
    Digest {
        algo: "sha256".to_owned(),
        value: "0".repeat(64),
    }
}

pub(crate) fn id_of(path: &Path) -> String {
    format!("file:{}", path.display())
}

pub(crate) fn reference(path: &Path) -> ModelRef {
    ModelRef::File {
        path: path.to_path_buf(),
    }
}

pub(crate) fn sha256(path: &Path) -> Digest {
    Digest::of_file(path).unwrap()
}

/// The paths below a folder with the facts that change when a path is written.
pub(crate) fn state_of(folder: &Path) -> Vec<(PathBuf, u64, i64, i64)> {
    let mut state = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            state.push((
                path,
                metadata.ino(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            ));
        }
    }
    state.sort();
    state
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

/// A fetcher that writes a file for any reference, and counts its calls.
#[derive(Debug)]
pub(crate) struct ToyFetcher {
    pub(crate) path: PathBuf,
    pub(crate) content: &'static str,
    pub(crate) calls: AtomicUsize,
}

impl ToyFetcher {
    pub(crate) fn new(path: PathBuf, content: &'static str) -> Self {
        Self {
            path,
            content,
            calls: AtomicUsize::new(0),
        }
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl ModelFetcher for ToyFetcher {
    fn ensure_present(&self, mr: &ModelRef) -> Result<ResolvedModel> {
        match mr.as_hf() {
            Some(parts) if parts.name == "absent" => {
                return Err(CatalogError::fetch(
                    mr,
                    FetchProblem::NotFound,
                    "the toy does not have it",
                ));
            }
            None if mr.scheme() == "s3" => {
                return Err(CatalogError::no_fetcher(mr, "the toy handles the others"));
            }
            _ => {}
        }
        self.calls.fetch_add(1, Ordering::SeqCst);
        fs::write(&self.path, self.content).expect("the toy can write its file");
        Ok(ResolvedModel {
            id: mr.id()?,
            local_path: self.path.clone(),
        })
    }
}
