//! Proving once more a model that nobody changed: by fingerprints, and by hashing all of it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use catalog_core::maintenance::Verify;
use catalog_core::{Digest, FsCatalog, ImportRequest, Method, VerificationOutcomeKind};
use workspace_tests::hub::{Hub, Repo, RepoFile};

use crate::files::{GIB, command, fill_folder, run};
use crate::measure::{Contender, FEW_ROUNDS, alternate};
use crate::measured::Row;
use crate::table::Table;
use crate::tools::HUB;
use crate::unit::Unit;

const FILES: usize = 8;

/// Measures the row; `scale` divides the size.
pub fn measure(scale: usize, table: &mut Table) {
    let folder = tempfile::tempdir_in(".").expect("a folder can be made here");
    let size = 4 * GIB / FILES / scale;
    let model = folder.path().join("model");
    let files = fill_folder(&model, FILES, size);
    let catalog = FsCatalog::new(folder.path().join("catalog")).expect("it opens");
    let id = "model".parse().expect("it is an id");
    let imported = catalog.import(&ImportRequest::new(&id, &model), &mut |_| Ok(()));
    imported.expect("it can be imported");
    let verify = |how| {
        let verification = catalog.verify("model", how, &mut |_| Ok(()));
        let verification = verification.expect("it can be verified");
        assert_eq!(verification.outcome.kind, VerificationOutcomeKind::Pass);
        verification.assurance.method
    };
    // Until the files are older than the clock of the file system is coarse.
    while verify(Verify::Quick) != Some(Method::Fingerprint) {
        std::thread::sleep(Duration::from_millis(100));
    }

    let mut contenders = vec![
        Contender::new("verify, quick", 1, |_| {
            assert_eq!(verify(Verify::Quick), Some(Method::Fingerprint));
        })
        .ours(),
        Contender::new("verify, full", 1, |_| {
            verify(Verify::Full);
        })
        .ours(),
        Contender::new("sha256sum of all", 1, |_| {
            run(command("sha256sum").args(&files));
        }),
    ];
    let hub = Hub::start().expect("a port can be bound");
    let cache = folder.path().join("hub");
    match HUB.program("hf") {
        Ok(hf) => {
            hub_cache(&cache, &hub, &files);
            let endpoint = hub.endpoint();
            contenders.push(Contender::new("hf cache verify", 1, move |_| {
                run(command(&hf)
                    .args(["cache", "verify", "org/model", "--fail-on-missing-files"])
                    .arg("--cache-dir")
                    .arg(&cache)
                    .env("HF_ENDPOINT", &endpoint));
            }));
        }
        Err(why) => table.skip("hf cache verify", &why),
    }
    let work = format!(
        "verify again a folder of {FILES} files of {}",
        Unit::Bytes.show_tick(size as f64)
    );
    table.add(Row::of_time(
        "reverify",
        work,
        alternate(FEW_ROUNDS, contenders),
    ));
}

/// Lists the files on a hub, and puts them into a cache of the layout of the hub's libraries.
fn hub_cache(cache: &Path, hub: &Hub, files: &[std::path::PathBuf]) {
    let mut repo = Repo::default();
    let mut named = Vec::new();
    for file in files {
        let digest = Digest::of_file(file).expect("it can be read").value;
        let size = file.metadata().expect("it is there").len();
        let name = file.file_name().expect("it has a name").to_string_lossy();
        repo = repo.with(&name, RepoFile::only_listed(size, &digest));
        named.push((name.into_owned(), digest));
    }
    let commit = repo.commit();
    hub.put("org/model", "main", repo);

    let repository = cache.join("models--org--model");
    let snapshot = repository.join("snapshots").join(&commit);
    for folder in [
        &repository.join("refs"),
        &repository.join("blobs"),
        &snapshot,
    ] {
        fs::create_dir_all(folder).expect("it can be made");
    }
    fs::write(repository.join("refs/main"), &commit).expect("it can be written");
    for (file, (name, digest)) in files.iter().zip(named) {
        fs::hard_link(file, repository.join("blobs").join(&digest)).expect("it can be linked");
        let blob = Path::new("../../blobs").join(digest);
        std::os::unix::fs::symlink(blob, snapshot.join(name)).expect("it can be linked");
    }
}
