//! Models in place on a medium.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use catalog_core::maintenance::Verify;
use catalog_core::{
    CatalogStore, Digest, FileFetcher, FsCatalog, ImportRequest, ModelId, ModelRef,
    VerificationOutcomeKind,
};
use model_provisioner::ModelProvisioner;

use super::medium::{Medium, Mounts, Proof};
use crate::figure::Sabotage;

/// The model that is one file.
pub(super) const FILE: &str = "model.bin";

/// The model that is a folder.
const FOLDER: &str = "folder";

/// Two folders of models. The names, sizes and times of their files are equal.
pub(super) struct Sources {
    _folder: tempfile::TempDir,
    pub(super) right: PathBuf,
    wrong: PathBuf,
}

impl Sources {
    pub(super) fn new() -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let folder = tempfile::tempdir().map_err(text)?;
        let [right, wrong] = ["right", "wrong"].map(|name| folder.path().join(name));
        for source in [&right, &wrong] {
            let word = source.file_name().unwrap_or_default().as_encoded_bytes();
            fs::create_dir_all(source.join(FOLDER)).map_err(text)?;
            for name in [FILE, "folder/config.json", "folder/weights.bin"] {
                let path = source.join(name);
                fs::write(&path, word.repeat(100_000)).map_err(text)?;
                // Long ago: what is fresh is hashed twice.
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
                let file = fs::File::options().write(true).open(&path);
                file.and_then(|file| file.set_modified(time))
                    .map_err(text)?;
            }
        }
        Ok(Self {
            _folder: folder,
            right,
            wrong,
        })
    }
}

/// Makes the calls that models in place are for. Returns the number of calls.
pub(super) fn try_medium(
    medium: &Medium,
    mounts: &Mounts,
    sources: &Sources,
    sabotage: Sabotage,
) -> Result<usize, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let catalog = FsCatalog::new(folder.path().join("root")).map_err(|error| error.to_string())?;
    let mut calls = 0;
    for name in [FILE, FOLDER] {
        let host = Host {
            catalog: &catalog,
            model: ModelRef::File {
                path: mounts.path().join(name),
            },
        };
        calls += host.use_it().map_err(|error| format!("{name}: {error}"))?;
    }
    let hosts = [FILE, FOLDER].map(|name| Host {
        catalog: &catalog,
        model: ModelRef::File {
            path: mounts.path().join(name),
        },
    });
    for host in &hosts {
        host.wait_for_proof()?;
    }
    mounts.mount_again(&sources.right, sabotage)?;
    for host in &hosts {
        let holds = host.is_proved()?;
        if holds != (medium.proof == Proof::Holds) {
            return Err(format!("mounted again, its proof holds: {holds}"));
        }
        host.present(None)?;
        calls += 1;
        if !host.is_proved()? {
            return Err("it is not proved after it was hashed again".to_owned());
        }
    }
    if mounts.replace(&sources.wrong)? {
        for host in &hosts {
            let answer = host.present(None);
            calls += 1;
            if !answer.is_err_and(|error| error.starts_with("digest_mismatch")) {
                return Err("other bytes of the same size and times are not noticed".to_owned());
            }
        }
    }
    for host in &hosts {
        host.delete()?;
        calls += 1;
    }
    Ok(calls)
}

/// A model in place, and the catalog in which it is registered.
struct Host<'c> {
    catalog: &'c FsCatalog,
    model: ModelRef,
}

impl Host<'_> {
    /// Uses the model in each way that there is. Returns the number of calls.
    fn use_it(&self) -> Result<usize, String> {
        let text = |error: catalog_core::CatalogError| error.to_string();
        let path = self.path();
        let id = self.id()?;
        self.present(None)?;
        let digest = match path.is_dir() {
            true => Digest::of_tree(path),
            false => Digest::of_file(path),
        };
        let digest = digest.map_err(text)?;
        let mut wrong = digest.clone();
        wrong.value = "0".repeat(64);
        match self.present(Some(wrong)) {
            Err(error) if error.starts_with("digest_mismatch") => {}
            other => return Err(format!("with a wrong digest: {other:?}")),
        }
        self.present(Some(digest))?;
        for how in [Verify::Full, Verify::Quick] {
            let found = self.catalog.verify(&id, how, &mut |_| Ok(()));
            let outcome = found.map_err(text)?.outcome;
            if outcome.kind != VerificationOutcomeKind::Pass {
                return Err(format!("{how:?} verification: {outcome:?}"));
            }
        }
        let lease = self.catalog.lease(&id).map_err(text)?;
        if lease.path() != path {
            return Err(format!("the lease is on {}", lease.path().display()));
        }
        drop(lease);
        let imported: ModelId = format!("imported-{}", id.len()).parse().map_err(text)?;
        let request = ImportRequest::new(&imported, path);
        let entry = self.catalog.import(&request, &mut |_| Ok(()));
        let entry = entry.map_err(text)?;
        self.catalog.delete(&entry.id).map_err(text)?;
        Ok(8)
    }

    fn path(&self) -> &Path {
        match &self.model {
            ModelRef::File { path } => path,
            _ => Path::new(""),
        }
    }

    fn id(&self) -> Result<String, String> {
        self.model.id().map_err(|error| error.to_string())
    }

    /// Makes it present. The error begins with its code.
    fn present(&self, digest: Option<Digest>) -> Result<(), String> {
        let provisioner = ModelProvisioner::new(self.catalog, FileFetcher);
        match provisioner.ensure_present(&self.model, digest) {
            Ok(found) if found.local_path == self.path() => Ok(()),
            Ok(found) => Err(format!("it is at {}", found.local_path.display())),
            Err(error) => Err(format!("{}: {error}", error.code())),
        }
    }

    fn is_proved(&self) -> Result<bool, String> {
        let known = self.catalog.registered(&self.id()?, None);
        let known = known.map_err(|error| error.to_string())?;
        Ok(known.ok_or("it is not registered")?.proof.is_some())
    }

    /// Makes it present until it is proved: files of which a clock can not yet tell that they do not
    /// change any more are hashed again.
    fn wait_for_proof(&self) -> Result<(), String> {
        let begin = Instant::now();
        while !self.is_proved()? {
            if begin.elapsed() > Duration::from_secs(60) {
                return Err("it is never proved".to_owned());
            }
            std::thread::sleep(Duration::from_millis(50));
            self.present(None)?;
        }
        Ok(())
    }

    /// Deletes its entry. The model stays.
    fn delete(&self) -> Result<(), String> {
        let is_deleted = self.catalog.delete(&self.id()?);
        match is_deleted {
            Ok(true) if self.path().exists() => Ok(()),
            other => Err(format!("deleting its entry: {other:?}")),
        }
    }
}
