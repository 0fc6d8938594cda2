//! Many processes that ask for one model that is not here: how long until all have it, and how
//! often the hub had to send it.

use std::cell::Cell;
use std::path::Path;
use std::process::Child;

use catalog_core::FsCatalog;
use model_provisioner::{HfCliFetcher, ModelProvisioner};
use workspace_tests::hub::{Hub, Repo, RepoFile};

use crate::child;
use crate::files::{MIB, command, remove};
use crate::measure::{Contender, FEW_ROUNDS, alternate};
use crate::measured::Row;
use crate::table::Table;
use crate::tools::HUB;
use crate::unit::Unit;

const PROCESSES: usize = 64;

/// Measures the row; `scale` divides the size.
pub fn measure(scale: usize, table: &mut Table) {
    let work = format!(
        "{PROCESSES} processes request {}",
        Unit::Bytes.show_tick((256 * MIB / scale) as f64)
    );
    let hf = match HUB.program("hf") {
        Ok(hf) => hf,
        Err(why) => return table.skip(&work, &why),
    };
    let folder = tempfile::tempdir_in(".").expect("a folder can be made here");
    let hub = Hub::start().expect("a port can be bound");
    let weights: Vec<u8> = (0..256 * MIB / scale).map(|at| (at % 251) as u8).collect();
    let repo = Repo::default().with("model.bin", RepoFile::large(weights));
    hub.put("org/model", "main", repo);
    let sent = [Cell::new(0), Cell::new(0)];
    let counted = |who: usize, start: &dyn Fn() -> Child| {
        let before = hub.downloads_of("model.bin");
        let processes: Vec<Child> = (0..PROCESSES).map(|_| start()).collect();
        for mut process in processes {
            assert!(process.wait().is_ok_and(|status| status.success()));
        }
        sent[who].set(sent[who].get() + hub.downloads_of("model.bin") - before);
    };
    let (root, cache) = (folder.path().join("root"), folder.path().join("cache"));
    let stats = alternate(
        FEW_ROUNDS,
        vec![
            Contender::new("ensure_present", 1, |_| {
                counted(0, &|| {
                    child::command("provision")
                        .arg(hub.endpoint())
                        .args([&hf, &root])
                        .spawn()
                        .expect("this program runs")
                });
            })
            .prepared(|_| remove(&root))
            .ours(),
            Contender::new("hf download", 1, |_| {
                counted(1, &|| {
                    command(&hf)
                        .args([
                            "download",
                            "org/model",
                            "model.bin",
                            "--quiet",
                            "--cache-dir",
                        ])
                        .arg(&cache)
                        .env("HF_ENDPOINT", hub.endpoint())
                        .spawn()
                        .expect("hf runs")
                });
            })
            .prepared(|_| remove(&cache)),
        ],
    );
    let remark = format!(
        "In this measurement the hub sent the file {} times to ours and {} times to `hf`, in {FEW_ROUNDS} rounds.",
        sent[0].get(),
        sent[1].get(),
    );
    table.add(Row::of_time("herd", work, stats).remark(remark));
}

/// Provisions the model: the work of one of our processes.
pub fn provision(endpoint: &str, hf: &Path, root: &Path) {
    let catalog = FsCatalog::new(root).expect("it opens");
    let fetcher = HfCliFetcher::new(catalog.artifacts())
        .command(hf)
        .endpoint(endpoint);
    ModelProvisioner::new(catalog, fetcher)
        .ensure_present_str("hf:org/model/model.bin", None)
        .expect("it can be had");
}
