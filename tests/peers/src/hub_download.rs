//! Repositories of a hub on this machine: one large file, the same weights once more, and many small
//! files, beside the hub's own command and beside `curl`.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use catalog_core::{Digest, ModelRef};
use model_provisioner::network::{HubConfig, NetworkConfig};
use model_provisioner::{ModelProvisioner, ProvisionReport, ProvisionRequest};
use workspace_tests::hub::{Repo, RepoFile};
use workspace_tests::real_servers::find;

use crate::bar;
use crate::files::{GIB, command, fill, fill_folder, remove, run};
use crate::hub_server::{Hosted, StaticHub};
use crate::measure::{Contender, FEW_ROUNDS, alternate};
use crate::measured::Row;
use crate::table::Table;
use crate::tools::HUB;
use crate::unit::{Unit, thousands};

const OURS: &str = "ensure_present, durable";
const HF: &str = "hf download (no hash, not durable)";
const CURL: &str = "curl -Z, then sync (no hash)";

const SMALL_FILES: usize = 1_000;
const SMALL_SIZE: usize = 4096;

/// Measures a repository of one large file; `scale` divides its size.
pub fn measure(scale: usize, table: &mut Table) {
    let hf = match find("nginx").ok_or("nginx is not installed".to_owned()) {
        Ok(_) => HUB.program("hf"),
        Err(why) => Err(why),
    };
    let hf = match hf {
        Ok(hf) => hf,
        Err(why) => return table.skip("a repository of one large file", &why),
    };
    let folder = tempfile::tempdir_in(".").expect("a folder can be made here");
    let to = |name: &str| folder.path().join(name);
    let (root, cache, files) = (to("root"), to("cache"), to("files"));
    fs::create_dir(&files).expect("a folder can be made");
    let size = 2 * GIB / scale;
    fill(&files.join("m.bin"), size, 1);
    let digest = Digest::of_file(&files.join("m.bin")).expect("it can be read");
    let weights = RepoFile::only_listed(size as u64, &digest.value);
    let repo = Repo::default().with("m.bin", weights);
    let hosted = ["org/model", "org/again-ours", "org/again-hf"].map(|name| Hosted {
        name,
        repo: &repo,
        files: &files,
        linked: Some((&digest.value, size)),
    });
    let hub = StaticHub::start(&hosted);
    let of_hf = |name: &str| download(&hf, &hub, &cache, &[name, "m.bin"]);
    let ours = |name: &str| provision(&root, &hub, &format!("hf:{name}/m.bin"));

    let shown = Unit::Bytes.show_tick(size as f64);
    let stats = alternate(
        FEW_ROUNDS,
        vec![
            Contender::new(OURS, 1, |_| drop(ours("org/model")))
                .prepared(|_| remove(&root))
                .ours(),
            Contender::new(HF, 1, |_| of_hf("org/model")).prepared(|_| remove(&cache)),
        ],
    );
    let row = Row::of_time("hub-download", format!("fetch {shown} from a hub"), stats);
    table.add(bar::remarked(row, &[(HF, 0.75)]));

    let stats = alternate(
        FEW_ROUNDS,
        vec![
            Contender::new(OURS, 1, |_| drop(ours("org/again-ours")))
                .prepared(|_| {
                    remove(&root);
                    drop(ours("org/model"));
                })
                .ours(),
            // The last round of the row above left the first model in the cache.
            Contender::new(HF, 1, |_| of_hf("org/again-hf"))
                .prepared(|_| remove(&cache.join("models--org--again-hf"))),
        ],
    );
    let sent = |name: &str| Unit::Bytes.show_tick(hub.sent_of(name) as f64);
    let remark = format!(
        "For weights that are here already, the hub sent {} to ours and {} to `hf`, in \
         {FEW_ROUNDS} rounds.",
        sent("org/again-ours"),
        sent("org/again-hf"),
    );
    let work = format!("fetch the same {shown} from a second repository");
    table.add(Row::of_time("hub-download-again", work, stats).remark(remark));
}

/// Measures a repository of many small files; `scale` divides their number.
pub fn measure_small(scale: usize, table: &mut Table) {
    for program in ["nginx", "curl"] {
        if find(program).is_none() {
            let why = format!("{program} is not installed");
            return table.skip("a repository of small files", &why);
        }
    }
    let folder = tempfile::tempdir_in(".").expect("a folder can be made here");
    let to = |name: &str| folder.path().join(name);
    let (root, copies, config) = (to("root"), to("copies"), to("curl.conf"));
    let files = fill_folder(&to("files"), SMALL_FILES.div_ceil(scale), SMALL_SIZE);
    let names: Vec<&str> = files.iter().map(|path| name_of(path)).collect();
    let repo = files.iter().fold(Repo::default(), |repo, path| {
        let bytes = fs::read(path).expect("it can be read");
        repo.with(name_of(path), RepoFile::small(bytes))
    });
    let hub = StaticHub::start(&[Hosted {
        name: "org/small",
        repo: &repo,
        files: &to("files"),
        linked: None,
    }]);
    let resolve = format!("{}/org/small/resolve/{}", hub.endpoint(), repo.commit());
    let targets: Vec<PathBuf> = names.iter().map(|name| copies.join(name)).collect();
    let pairs = names.iter().zip(&targets).map(|(name, target)| {
        format!(
            "url = \"{resolve}/{name}\"\noutput = \"{}\"\n",
            target.display()
        )
    });
    fs::write(&config, pairs.collect::<String>()).expect("a file can be written");

    let last = RefCell::new(None);
    let stats = alternate(
        FEW_ROUNDS,
        vec![
            Contender::new(OURS, 1, |_| {
                last.replace(Some(provision(&root, &hub, "hf:org/small")));
            })
            .prepared(|_| remove(&root))
            .ours(),
            Contender::new(CURL, 1, |_| {
                run(command("curl")
                    .args([
                        "-f",
                        "-Z",
                        "--no-progress-meter",
                        "--parallel-max",
                        "50",
                        "-K",
                    ])
                    .arg(&config));
                run(command("sync").args(&targets));
            })
            .prepared(|_| {
                remove(&copies);
                fs::create_dir(&copies).expect("a folder can be made");
            }),
        ],
    );
    let count = thousands(names.len());
    let size = Unit::Bytes.show_tick(SMALL_SIZE as f64);
    let work = format!("fetch {count} files of {size} from a hub");
    let row = Row::of_time("hub-small-files", work, stats);
    let mut row = bar::remarked(row, &[(CURL, 1.5)]);
    let parts = last.into_inner().map(|report| parts_of(&report));
    let remarks = row.remark.take().into_iter().chain(parts);
    table.add(row.remark(remarks.collect::<Vec<_>>().join(" ")));
}

/// States the time of each part of a call.
fn parts_of(report: &ProvisionReport) -> String {
    let durations = report.durations;
    let shown = |time: std::time::Duration| Unit::Seconds.show(time.as_secs_f64());
    format!(
        "In its last round, ours took {} to fetch the files, {} to hash them, {} to make them durable \
         and publish them, and {} to register the model: {} in all.",
        shown(durations.fetching),
        shown(durations.verifying),
        shown(durations.publishing),
        shown(durations.registering),
        shown(durations.total),
    )
}

fn name_of(path: &Path) -> &str {
    let name = path.file_name().and_then(|name| name.to_str());
    name.expect("this program named it")
}

fn provision(root: &Path, hub: &StaticHub, reference: &str) -> ProvisionReport {
    let config = HubConfig::default().endpoint(hub.endpoint());
    let provisioner = ModelProvisioner::with_network(root, NetworkConfig::default().hub(config));
    let provisioner = provisioner.expect("the settings can be used");
    let reference = ModelRef::parse(reference).expect("it is a reference");
    provisioner
        .provision(&ProvisionRequest::new(reference))
        .expect("the hub has the model")
}

/// Runs the command of the hub. The words name the repository and its files.
fn download(hf: &Path, hub: &StaticHub, cache: &Path, words: &[&str]) {
    run(command(hf)
        .arg("download")
        .args(words)
        .args(["--quiet", "--cache-dir"])
        .arg(cache)
        .env("HF_ENDPOINT", hub.endpoint())
        .env("HF_HUB_DISABLE_XET", "1")
        // Otherwise it asks other hosts.
        .env("HF_HUB_DISABLE_TELEMETRY", "1")
        .env("HF_HUB_DISABLE_UPDATE_CHECK", "1"));
}
