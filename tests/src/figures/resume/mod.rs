//! Processes that are killed while they fetch a file, again and again, until one of them has the file.

use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use catalog_core::{CatalogStore, FsCatalog};
use model_provisioner::ModelProvisioner;

use super::net_faults::{bytes, digest, network};
use crate::figure::{Extent, Measured, Outcome, Sabotage, Trial};
use crate::strace::program;
use crate::web::WebServer;

/// The size of the file, and the number of bytes between two journals.
const SIZE: usize = 48 << 20;
const STEP: u64 = 1 << 20;

/// The number of bytes that one process may fetch twice: a journal that is written and one that is next, the
/// parts of 8 connections, and what the system holds for each connection.
const TWICE: u64 = 2 * STEP + (64 << 20) / 4 + 8 * (512 << 10);

pub(super) fn measure(trial: Trial) -> Outcome {
    let mut measured = Measured::of(trial);
    let wanted = match trial.extent {
        Extent::Quick => 12,
        Extent::Full => 200,
    };
    let mut kills = 0;
    let mut files = 0;
    let mut most_twice = 0;
    while kills < wanted && !measured.is_hopeless() {
        match fetch_beside_kills(trial, files, &mut measured) {
            Ok((of_file, twice)) => {
                kills += of_file;
                most_twice = most_twice.max(twice);
            }
            Err(error) => {
                measured.violation(error);
                break;
            }
        }
        files += 1;
    }
    measured.count("kills", kills);
    measured.count("files", files);
    measured.count("MiB at most fetched twice for a kill", most_twice >> 20);
    Outcome::Measured(measured)
}

/// Fetches a file with processes that are killed. Returns the number of kills, and the bytes that were fetched
/// twice for each.
fn fetch_beside_kills(
    trial: Trial,
    seed: usize,
    measured: &mut Measured,
) -> Result<(u64, u64), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let server = WebServer::start("127.0.0.1").map_err(|error| text(&error))?;
    let content = bytes(seed as u64 + 11, SIZE);
    server.put("/model.bin", Arc::clone(&content), Some("\"now\""));
    // The link is slow, so that kills come in the middle.
    server.lie(|_, _, mut reply| {
        reply.pause = Duration::from_millis(2);
        reply
    });
    let root = tempfile::tempdir().map_err(|error| text(&error))?;
    let mut kills = 0;
    let mut random = seed as u64 * 7 + 3;
    loop {
        let mut child =
            start(root.path(), &server.url("/model.bin")).map_err(|error| text(&error))?;
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        // From the start of the process up to its end, at the rate of the link.
        let time = Duration::from_millis(20 + (random >> 33) % 240);
        if !ends_within(&mut child, time).map_err(|error| text(&error))? {
            child.kill().map_err(|error| text(&error))?;
            let _ = child.wait();
            kills += 1;
            if trial.sabotage == Sabotage::ForgetCalls {
                forget_journals(root.path());
            }
            if kills < 60 {
                continue;
            }
            return Err(format!("after {kills} kills the file is not complete"));
        }
        let status = child.wait().map_err(|error| text(&error))?;
        if !status.success() {
            return Err(format!("a process ended with {status}"));
        }
        break;
    }
    let catalog = FsCatalog::new(root.path()).map_err(|error| text(&error))?;
    let entries = catalog.list().map_err(|error| text(&error))?;
    let is_right = entries.len() == 1 && entries[0].digest == Some(digest(&content));
    measured.check(is_right, || format!("the result is {entries:?}"));
    let twice = server.sent().saturating_sub(SIZE as u64);
    measured.check(twice <= kills * TWICE, || {
        format!("{twice} bytes were fetched twice after {kills} kills")
    });
    Ok((kills, twice.checked_div(kills).unwrap_or(0)))
}

fn forget_journals(root: &std::path::Path) {
    let staging = std::fs::read_dir(root.join("staging"));
    for folder in staging.into_iter().flatten().flatten() {
        let _ = std::fs::remove_file(folder.path().join("journal.json"));
    }
}

fn start(root: &std::path::Path, url: &str) -> io::Result<Child> {
    Command::new(program())
        .arg("--fetch")
        .arg(root)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
}

/// Waits for a process for a time. Returns whether it ended.
fn ends_within(child: &mut Child, time: Duration) -> io::Result<bool> {
    let end = std::time::Instant::now() + time;
    while std::time::Instant::now() < end {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(false)
}

/// The process that fetches: `ROOT URL`.
pub fn run_fetcher(arguments: &[String]) -> Result<(), String> {
    let [root, url] = arguments else {
        return Err("ROOT URL".to_owned());
    };
    let provisioner = ModelProvisioner::with_network(root, network());
    let provisioner = provisioner.map_err(|error| error.to_string())?;
    let present = provisioner.ensure_present_str(url, None);
    present.map(drop).map_err(|error| error.to_string())
}
