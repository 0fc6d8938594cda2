//! Many processes ask for one model of a web server at once, and cause the requests of one process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use model_provisioner::{Event, EventKind, ModelProvisioner};

use super::content;
use super::sharing::{count, mark};
use crate::figures::net_faults::network;
use crate::strace::program;
use crate::web::WebServer;

/// The number of processes, which have one thread each.
pub(super) const CROWD: usize = 64;

/// The requests and the bytes of answers of a server.
type Traffic = (usize, u64);

/// Returns the number of requests that a crowd caused. If it `is_forgetful`, each process has a root of its own, and
/// so finds no call of another one.
///
/// # Errors
///
/// More requests or bytes than one process causes, and processes that fail.
pub(super) fn download(is_forgetful: bool) -> Result<usize, String> {
    let alone = traffic_of(1, is_forgetful)?;
    let crowd = traffic_of(CROWD, is_forgetful)?;
    let size = content().len() as u64;
    match crowd == alone && crowd.1 == size {
        true => Ok(crowd.0),
        false => Err(format!(
            "{CROWD} processes caused (requests, bytes) {crowd:?}, one causes {alone:?} for {size} bytes"
        )),
    }
}

/// Returns what a server of one model sent to a number of processes. Its first answer waits until all other processes
/// wait.
fn traffic_of(processes: usize, is_forgetful: bool) -> Result<Traffic, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let folder = tempfile::tempdir().map_err(|error| text(&error))?;
    let waiting = folder.path().join("waiting");
    std::fs::create_dir(&waiting).map_err(|error| text(&error))?;
    let server = WebServer::start("127.0.0.1").map_err(|error| text(&error))?;
    server.put("/model.bin", content(), Some("\"now\""));
    let (others, place) = (processes - 1, waiting.clone());
    server.lie(move |number, _, reply| {
        if number == 0 && !is_forgetful {
            wait_for(&place, others);
        }
        reply
    });
    let url = server.url("/model.bin");
    let root_of = |number: usize| match is_forgetful {
        true => folder.path().join(format!("root-{number}")),
        false => folder.path().join("root"),
    };
    let start = |number: usize| {
        let mut command = Command::new(program());
        command.arg("--crowd").args([&root_of(number), &waiting]);
        command.arg(&url).spawn().map_err(|error| text(&error))
    };
    let mut all: Vec<Child> = (0..processes).map(start).collect::<Result<_, _>>()?;
    for process in &mut all {
        let status = process.wait().map_err(|error| text(&error))?;
        if !status.success() {
            return Err(format!("a process ended with {status}"));
        }
    }
    let waited = count(&waiting);
    if !is_forgetful && waited != others {
        return Err(format!("{waited} of {others} processes waited"));
    }
    Ok((server.requests().len(), server.sent()))
}

/// Waits until so many processes wait. One that never does is found later.
fn wait_for(waiting: &Path, processes: usize) {
    let begin = Instant::now();
    while count(waiting) < processes && begin.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A process of a crowd: `ROOT WAITING URL`. It adds a file to a folder when it waits for another call.
pub fn run_one_of_crowd(arguments: &[String]) -> Result<(), String> {
    let [root, waiting, url] = arguments else {
        return Err("ROOT WAITING URL".to_owned());
    };
    let waiting = PathBuf::from(waiting);
    // Each process has one thread that calls, and so one name.
    let observer = move |event: &Event| {
        if matches!(event.kind, EventKind::Waiting { .. }) {
            mark(&waiting).expect("a file can be made");
        }
    };
    let provisioner = ModelProvisioner::with_network(root, network());
    let provisioner = provisioner.map_err(|error| error.to_string())?;
    let found = provisioner
        .with_observer(observer)
        .ensure_present_str(url, None)
        .map_err(|error| format!("{}: {error}", error.code()))?;
    match std::fs::read(&found.local_path).is_ok_and(|bytes| bytes == content()) {
        true => Ok(()),
        false => Err(format!("wrong bytes at {}", found.local_path.display())),
    }
}
