//! The look-up of a model that is present. Ours proves the model by the fingerprint of each file. The
//! others check that a file of its name or digest exists.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use catalog_core::{CatalogStore, Digest, FileFetcher, FsCatalog, ModelRef};
use model_provisioner::{ModelProvisioner, Policy, StagingMode};
use serde_json::Value;
use workspace_tests::state::register_others;

use crate::measure::{Contender, ROUNDS, alternate};
use crate::measured::{Row, Stat, Whose};
use crate::table::Table;
use crate::tools::HUB;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const CALLS: usize = 5_000;

/// Measures the rows.
pub fn measure(table: &mut Table) {
    let folder = tempfile::tempdir_in(".").expect("a folder can be made here");
    let base = folder.path().canonicalize().expect("it is there");
    let model = base.join("model.bin");
    fs::write(&model, vec![7; 1 << 20]).expect("it can be written");

    let in_place = provisioner(&base.join("in-place"), StagingMode::InPlace);
    let managed = provisioner(&base.join("managed"), StagingMode::Managed);
    let model_ref = ModelRef::File {
        path: model.clone(),
    };
    let digest = Digest::of_file(&model).expect("it can be read");
    for provisioner in [&in_place, &managed] {
        settle(provisioner, &model_ref, &digest);
    }
    hub_cache(&base.join("hub"), &model);
    ollama(&base.join("ollama"), &model);
    let cache = hf_hub::Cache::new(base.join("hub")).model("org/repo".to_owned());

    let mut stats = alternate(
        ROUNDS,
        vec![
            Contender::new("ensure_present, in place", CALLS, |_| {
                in_place
                    .ensure_present(&model_ref, None)
                    .expect("it is here");
            })
            .ours(),
            Contender::new("ensure_present, managed", CALLS, |_| {
                managed
                    .ensure_present(&model_ref, None)
                    .expect("it is here");
            })
            .ours(),
            Contender::new("locate (no proof)", CALLS, |_| {
                let found = in_place
                    .catalog()
                    .locate(&model_ref)
                    .expect("it can be read");
                assert!(found.is_some());
            })
            .ours(),
            Contender::new("hf-hub in Rust (no proof)", CALLS, |_| {
                assert!(cache.get("model.bin").is_some_and(|path| path.exists()));
            }),
            Contender::new("Ollama-style manifest (no proof)", CALLS, |_| {
                assert!(ollama_has(&base.join("ollama")));
            }),
        ],
    );
    match python(&base.join("hub")) {
        Ok(stat) => stats.push(stat),
        Err(why) => table.skip("huggingface_hub in Python", &why),
    }
    table.add(Row::of_time(
        "lookup",
        "warm look-up of a present model",
        stats,
    ));
}

fn provisioner(root: &Path, staging: StagingMode) -> ModelProvisioner<FsCatalog, FileFetcher> {
    let catalog = FsCatalog::new(root).expect("it opens");
    register_others(&catalog, 10_000).expect("they can be registered");
    let mut policy = Policy::default();
    policy.staging = staging;
    ModelProvisioner::new(catalog, FileFetcher)
        .with_policy(policy)
        .expect("the catalog is on disk")
}

/// Calls until the bytes are proved without reading them.
fn settle(
    provisioner: &ModelProvisioner<FsCatalog, FileFetcher>,
    model_ref: &ModelRef,
    digest: &Digest,
) {
    let id = model_ref.id().expect("it has one");
    loop {
        let found = provisioner.ensure_present(model_ref, Some(digest.clone()));
        found.expect("it is here");
        let known = provisioner.catalog().registered(&id, None);
        let known = known.expect("it can be read").expect("it is registered");
        if known.proof.is_some() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A cache as the hub's libraries lay it out.
fn hub_cache(folder: &Path, model: &Path) {
    let repository = folder.join("models--org--repo");
    for part in ["refs", "blobs", &format!("snapshots/{COMMIT}")] {
        fs::create_dir_all(repository.join(part)).expect("it can be made");
    }
    fs::write(repository.join("refs/main"), COMMIT).expect("it can be written");
    let blob = repository.join("blobs/abc");
    fs::copy(model, &blob).expect("it can be copied");
    let link = repository.join(format!("snapshots/{COMMIT}/model.bin"));
    std::os::unix::fs::symlink("../../blobs/abc", link).expect("it can be linked");
}

/// A manifest that names blobs by digest, and the blobs.
fn ollama(folder: &Path, model: &Path) {
    let manifest = folder.join("manifests/registry/library/model");
    fs::create_dir_all(&manifest).expect("it can be made");
    fs::create_dir_all(folder.join("blobs")).expect("it can be made");
    let digest = Digest::of_file(model).expect("it can be read").value;
    fs::copy(model, folder.join(format!("blobs/sha256-{digest}"))).expect("it can be copied");
    let text = format!(
        r#"{{"schemaVersion":2,"layers":[{{"digest":"sha256:{digest}","size":1048576}}]}}"#
    );
    fs::write(manifest.join("latest"), text).expect("it can be written");
}

fn ollama_has(folder: &Path) -> bool {
    let manifest = folder.join("manifests/registry/library/model/latest");
    let bytes = fs::read(manifest).expect("it is there");
    let manifest: Value = serde_json::from_slice(&bytes).expect("it is JSON");
    let layers = manifest["layers"].as_array().expect("it has layers");
    layers.iter().all(|layer| {
        let digest = layer["digest"]
            .as_str()
            .unwrap_or_default()
            .replace(':', "-");
        let metadata = fs::metadata(folder.join("blobs").join(digest));
        metadata.is_ok_and(|metadata| Some(metadata.len()) == layer["size"].as_u64())
    })
}

/// The look-up of the hub's library in Python, timed in its process, after the import.
fn python(cache: &Path) -> Result<Stat, String> {
    const SCRIPT: &str = "
import sys, time
from huggingface_hub import try_to_load_from_cache
rounds = []
for _ in range(7):
    begin = time.perf_counter_ns()
    for _ in range(2000):
        found = try_to_load_from_cache('org/repo', 'model.bin', cache_dir=sys.argv[1])
    rounds.append((time.perf_counter_ns() - begin) // 2000)
assert isinstance(found, str)
print(*rounds)
";
    let python = HUB.program("python")?;
    let output = Command::new(python)
        .args(["-c", SCRIPT])
        .arg(cache)
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let times: Vec<f64> = text
        .split_whitespace()
        .filter_map(|nanos| nanos.parse::<f64>().ok())
        .map(|nanos| nanos * 1e-9)
        .collect();
    match times.is_empty() {
        true => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        false => Ok(Stat::of(
            "huggingface_hub in Python (no proof)",
            Whose::Peer,
            times,
        )),
    }
}
