//! The download of a file from nginx, with its SHA-256, on a fast link and on a link that throttles each
//! connection, beside the commands that people use.

use std::path::Path;

use model_provisioner::ModelProvisioner;
use model_provisioner::network::NetworkConfig;
use workspace_tests::real_servers::{find, nginx};

use crate::files::{GIB, MIB, command, fill, remove, run};
use crate::measure::{Contender, FEW_ROUNDS, alternate};
use crate::measured::Row;
use crate::table::Table;
use crate::unit::Unit;

/// Measures the rows; `scale` divides the sizes.
pub fn measure(scale: usize, table: &mut Table) {
    for program in ["nginx", "curl", "openssl", "aria2c"] {
        if find(program).is_none() {
            return table.skip("a download", &format!("{program} is not installed"));
        }
    }
    let folder = tempfile::tempdir_in(".").expect("a folder can be made here");
    let settings = "listen 127.0.0.1:PORT; sendfile on; location /slow/ { alias FOLDER/www/; limit_rate 60m; }";
    let server = nginx(settings, &[]).expect("nginx is installed");
    let size = 2 * GIB / scale;
    fill(&server.folder.path().join("www/m.bin"), size, 1);
    let slow_size = 512 * MIB / scale;
    fill(&server.folder.path().join("www/n.bin"), slow_size, 2);
    let fast = format!("http://127.0.0.1:{}/m.bin", server.port);
    let slow = format!("http://127.0.0.1:{}/slow/n.bin", server.port);
    let root = folder.path().join("root");
    let file = folder.path().join("file.bin");
    let curl = |url: &str| {
        run(command("curl").args(["-sf", "-o"]).arg(&file).arg(url));
    };
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
        Contender::new("ensure_present, durable", 1, |_| fetch(&fast))
            .prepared(fresh)
            .ours(),
        Contender::new("curl, then openssl", 1, |_| {
            curl(&fast);
            run(command("openssl").args(["dgst", "-sha256"]).arg(&file));
        })
        .prepared(fresh),
        Contender::new("curl, then sync (no hash)", 1, |_| {
            curl(&fast);
            run(command("sync").arg(&file));
        })
        .prepared(fresh),
        Contender::new("aria2c -x8 (no hash, not durable)", 1, |_| aria(&fast)).prepared(fresh),
    ];
    table.add(Row::of_time(
        "download",
        work,
        alternate(FEW_ROUNDS, contenders),
    ));
    let size = Unit::Bytes.show_tick(slow_size as f64);
    let work = format!("download {size} at 60 MB/s for each connection");
    let contenders = vec![
        Contender::new("ensure_present, durable", 1, |_| fetch(&slow))
            .prepared(fresh)
            .ours(),
        Contender::new("aria2c -x8 (no hash, not durable)", 1, |_| aria(&slow)).prepared(fresh),
        Contender::new("curl (no hash, not durable)", 1, |_| curl(&slow)).prepared(fresh),
    ];
    table.add(Row::of_time(
        "download-throttled",
        work,
        alternate(FEW_ROUNDS, contenders),
    ));
}

fn provision(root: &Path, url: &str) {
    let provisioner = ModelProvisioner::with_network(root, NetworkConfig::default());
    let provisioner = provisioner.expect("the network needs no settings");
    provisioner
        .ensure_present_str(url, None)
        .expect("nginx serves the file");
}
