//! Calls that are stopped, and processes that die.

use std::process::Command;
use std::time::{Duration, Instant};

use catalog_core::maintenance::CollectionPolicy;
use catalog_core::{CancelToken, FsCatalog, ModelRef};
use model_provisioner::ProvisionRequest;

use super::Case;
use super::bench::{Bench, REPOSITORY, bytes, chain, same};
use crate::hub::{Faults, Repo, RepoFile};
use crate::strace::program;

pub(super) const CASES: &[(&str, Case)] = &[
    ("a call that is cancelled", cancelled),
    ("a call whose time is up", overdue),
    ("a process that is killed", killed),
];

/// A repository whose only file takes minutes to come.
fn slow(bench: &Bench) {
    let large = Repo::default().with("weights.bin", RepoFile::large(bytes(3_000_000, 1)));
    bench.hub.put(REPOSITORY, "main", large);
    bench.hub.fail(Faults {
        pause: Duration::from_millis(50),
        ..Faults::default()
    });
}

fn request() -> ProvisionRequest {
    let model_ref: ModelRef = "hf:org/repo/weights.bin".parse().expect("it is one");
    ProvisionRequest::new(model_ref)
}

/// Waits until the bytes are being sent.
fn wait_for_bytes(bench: &Bench) -> Result<(), String> {
    let begin = Instant::now();
    while bench.hub.downloads_of("weights.bin") == 0 {
        if begin.elapsed() > Duration::from_secs(60) {
            return Err("nobody asked for the bytes".to_owned());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn cancelled(bench: &Bench) -> Result<(), String> {
    slow(bench);
    let token = CancelToken::new();
    let provisioner = bench.provisioner()?;
    let done = std::thread::scope(|scope| {
        let call = scope.spawn(|| provisioner.provision(&request().cancelled_by(&token)));
        let begun = wait_for_bytes(bench);
        token.cancel();
        let done = call.join().map_err(|_| "a panic".to_owned());
        begun.and(done)
    })?;
    let error = done.err().ok_or("it went on to its end")?;
    same(error.code(), "cancelled", &chain(&error))?;
    bench.check_empty()?;
    bench.check_no_process()
}

fn overdue(bench: &Bench) -> Result<(), String> {
    slow(bench);
    let provisioner = bench.provisioner()?;
    let done = provisioner.provision(&request().timeout(Duration::from_secs(3)));
    let error = done.err().ok_or("it went on to its end")?;
    same(error.code(), "deadline_exceeded", &chain(&error))?;
    bench.check_empty()?;
    bench.check_no_process()
}

fn killed(bench: &Bench) -> Result<(), String> {
    slow(bench);
    let root = bench.root();
    let mut child = Command::new(program())
        .arg("--provision")
        .args([&*root, bench.client.argument()])
        .args([&bench.hub.endpoint(), "hf:org/repo/weights.bin"])
        .spawn()
        .map_err(|error| error.to_string())?;
    let begun = wait_for_bytes(bench);
    drop(child.kill());
    drop(child.wait());
    begun?;
    bench.check_no_process()?;
    let catalog = FsCatalog::new(&root).map_err(|error| error.to_string())?;
    let plan = catalog.plan_collection(&CollectionPolicy::default());
    let plan = plan.map_err(|error| error.to_string())?;
    catalog.collect(&plan).map_err(|error| error.to_string())?;
    bench.check_empty()?;
    bench.hub.fail(Faults::default());
    bench.provision("hf:org/repo/weights.bin").map(drop)
}
