//! The download of a file from nginx, with its SHA-256, on a fast link and on a link that throttles each
//! connection, beside the commands that people use: its time, its processor time and its memory.

use std::path::Path;

use model_provisioner::ModelProvisioner;
use model_provisioner::network::NetworkConfig;
use workspace_tests::real_servers::{Running, find, nginx};

use crate::bar;
use crate::child;
use crate::files::{GIB, MIB, command, fill, remove, run, write_back};
use crate::measure::{Contender, FEW_ROUNDS, alternate};
use crate::measured::{Row, Stat, Whose};
use crate::memory::peak;
use crate::processor::time_of_children;
use crate::table::Table;
use crate::unit::Unit;

const OURS: &str = "ensure_present, durable";
const HASHED: &str = "curl, then openssl";
const SYNCED: &str = "curl, then sync (no hash)";
const ARIA: &str = "aria2c -x8 (no hash, not durable)";

/// The part of a file that a download of ours holds in memory at most, as `model-fetchers` states it,
/// and what a process may hold beside it.
const WINDOW: usize = 64 * MIB;
const BESIDE_WINDOW: usize = 64 * MIB;

/// Measures the times; `scale` divides the sizes.
pub fn measure(scale: usize, table: &mut Table) {
    for program in ["nginx", "curl", "openssl", "aria2c"] {
        if find(program).is_none() {
            return table.skip("a download", &format!("{program} is not installed"));
        }
    }
    let folder = tempfile::tempdir_in(".").expect("a folder can be made here");
    let size = 2 * GIB / scale;
    let slow_size = 512 * MIB / scale;
    let server = serve(size);
    fill(&server.folder.path().join("www/n.bin"), slow_size, 2);
    let fast = address(&server);
    let slow = format!("http://127.0.0.1:{}/slow/n.bin", server.port);
    let root = folder.path().join("root");
    let file = folder.path().join("file.bin");
    let curl = |url: &str| {
        run(command("curl").args(["-sf", "-o"]).arg(&file).arg(url));
    };
    let hash = || run(command("openssl").args(["dgst", "-sha256"]).arg(&file));
    let aria = |url: &str| {
        run(command("aria2c")
            .args([
                "-q",
                "-x8",
                "-s8",
                "-k1M",
                "--file-allocation=none",
                "-o",
                "file.bin",
                "-d",
            ])
            .arg(folder.path())
            .arg(url));
    };
    let fetch = |url: &str| provision(&root, url);
    let fresh = |_: usize| {
        remove(&root);
        remove(&file);
    };
    let work = format!(
        "download {} and its SHA-256",
        Unit::Bytes.show_tick(size as f64)
    );
    let contenders = vec![
        Contender::new(OURS, 1, |_| fetch(&fast))
            .prepared(fresh)
            .ours(),
        Contender::new(HASHED, 1, |_| {
            curl(&fast);
            hash();
        })
        .prepared(fresh),
        Contender::new(SYNCED, 1, |_| {
            curl(&fast);
            run(command("sync").arg(&file));
        })
        .prepared(fresh),
        Contender::new(ARIA, 1, |_| aria(&fast)).prepared(fresh),
    ];
    let row = Row::of_time("download", work, alternate(FEW_ROUNDS, contenders));
    table.add(bar::remarked(row, &[(HASHED, 0.9), (SYNCED, 0.9)]));
    let slow_size = Unit::Bytes.show_tick(slow_size as f64);
    let work = format!("download {slow_size} at 60 MB/s for each connection");
    let contenders = vec![
        Contender::new(OURS, 1, |_| fetch(&slow))
            .prepared(fresh)
            .ours(),
        Contender::new(ARIA, 1, |_| aria(&slow)).prepared(fresh),
        Contender::new("curl (no hash, not durable)", 1, |_| curl(&slow)).prepared(fresh),
    ];
    let stats = alternate(FEW_ROUNDS, contenders);
    let row = Row::of_time("download-throttled", work, stats);
    table.add(bar::remarked(row, &[(ARIA, 1.0)]));

    let by_ours = || run(child::command("fetch").arg(&fast).arg(&root));
    let by_curl = || {
        curl(&fast);
        hash();
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..FEW_ROUNDS {
        fresh(round);
        write_back();
        ours.push(time_of_children(by_ours));
        fresh(round);
        write_back();
        theirs.push(time_of_children(by_curl));
    }
    let stats = vec![
        Stat::of(OURS, Whose::Ours, ours),
        Stat::of("curl, then openssl (not durable)", Whose::Peer, theirs),
    ];
    let size = Unit::Bytes.show_tick(size as f64);
    let work = format!("processor time of the download of {size} and its SHA-256");
    table.add(Row::of_time("download-processor", work, stats));
}

/// Measures the most memory of the processes; `scale` divides the size.
pub fn measure_memory(scale: usize, table: &mut Table) {
    for program in ["nginx", "curl", "openssl"] {
        if find(program).is_none() {
            let why = format!("{program} is not installed");
            return table.skip("the memory of a download", &why);
        }
    }
    let folder = tempfile::tempdir_in(".").expect("a folder can be made here");
    let size = 2 * GIB / scale;
    let server = serve(size);
    let url = address(&server);
    let root = folder.path().join("root");
    let file = folder.path().join("file.bin");
    let ours = peak(OURS, child::command("fetch").arg(&url).arg(&root));
    let curl = peak(
        "curl",
        command("curl").args(["-sf", "-o"]).arg(&file).arg(&url),
    );
    let openssl = peak(
        "openssl",
        command("openssl").args(["dgst", "-sha256"]).arg(&file),
    );
    let stats = vec![
        Stat::of(OURS, Whose::Ours, vec![ours]),
        Stat::of(HASHED, Whose::Peer, vec![curl.max(openssl)]),
    ];
    let shown = |bytes: usize| Unit::Bytes.show_tick(bytes as f64);
    let most = WINDOW + BESIDE_WINDOW;
    let verdict = match ours <= most as f64 {
        true => "meets it",
        false => "**misses it**",
    };
    let remark = format!(
        "The window of a download is {}. The bar is the window and {}, so {}; ours takes {} and \
         {verdict}.",
        shown(WINDOW),
        shown(BESIDE_WINDOW),
        shown(most),
        Unit::Bytes.show(ours),
    );
    let work = format!("memory while downloading {} and its SHA-256", shown(size));
    table.add(Row::of_memory("download-memory", work, stats).remark(remark));
}

/// Starts nginx with a file of so many bytes. It throttles each connection below `/slow`.
fn serve(size: usize) -> Running {
    let settings = "listen 127.0.0.1:PORT; sendfile on; location /slow/ { alias FOLDER/www/; limit_rate 60m; }";
    let server = nginx(settings, &[]).expect("nginx is installed");
    fill(&server.folder.path().join("www/m.bin"), size, 1);
    server
}

fn address(server: &Running) -> String {
    format!("http://127.0.0.1:{}/m.bin", server.port)
}

/// Provisions the file: also the work of one of our processes.
pub fn provision(root: &Path, url: &str) {
    let provisioner = ModelProvisioner::with_network(root, NetworkConfig::default());
    let provisioner = provisioner.expect("the network needs no settings");
    provisioner
        .ensure_present_str(url, None)
        .expect("nginx serves the file");
}
